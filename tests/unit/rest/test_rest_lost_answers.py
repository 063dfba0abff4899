"""Writes that are refused for now, whose answer is lost or not what it seems: what is sent again, what never is."""

from __future__ import annotations

import asyncio

import pytest
from exchange import delivery
from record_store import RecordStore
from rest_writes import OWN_IDS, ROWS, UPSERT, first_then, outcomes
from scripted_server import Reply

from ponte.errors import TransientError


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_an_upsert_is_tried_again_after_a_refusal_that_passes(server, open_system, clock, status):
    server.answer = first_then(Reply(status), Reply(status), last=Reply(200, {}))
    target = open_system(write=UPSERT).target("products")

    assert outcomes(await target.deliver(delivery("create", ROWS[:1]))) == ["done"]
    assert len(server.seen) == 3
    assert len(clock.slept) == 2
    assert clock.slept[1] > clock.slept[0] / 2


@pytest.mark.parametrize(
    ("after", "waited"), [("7", 7.0), ("Mon, 23 Nov 2026 12:00:09 GMT", 9.0)], ids=["seconds", "date"]
)
async def test_retry_after_is_obeyed(server, open_system, clock, after, waited):
    server.answer = first_then(Reply(429, headers={"Retry-After": after}), last=Reply(200, {}))
    target = open_system(write=UPSERT).target("products")

    await target.deliver(delivery("create", ROWS[:1]))

    assert sum(clock.slept) == pytest.approx(waited)


async def test_a_wait_that_is_too_long_stops_the_run_and_says_how_long(server, open_system, clock):
    server.answer = lambda seen: Reply(429, headers={"Retry-After": "3600"})
    target = open_system(write=UPSERT).target("products")

    with pytest.raises(TransientError) as caught:
        await target.deliver(delivery("create", ROWS[:1]))

    assert caught.value.retry_after == 3600
    assert "It asks for a pause of 1:00:00, longer than a run waits." in caught.value.message
    assert clock.slept == []


async def test_a_create_that_may_have_worked_is_unknown_and_never_sent_twice(server, open_system):
    for reply in (Reply(is_dropped=True), Reply(500), Reply(502), Reply(503), Reply(504)):
        server.seen.clear()
        server.answer = lambda seen, reply=reply: reply
        target = open_system(list={"records": "items"}, write=OWN_IDS).target("products")

        answers = await target.deliver(delivery("create", ROWS[:1]))

        assert outcomes(answers) == ["unknown"]
        assert len(server.seen) == 1


async def test_a_refusal_after_a_lost_answer_does_not_undo_what_may_have_arrived(server, open_system):
    replies = iter([Reply(200), Reply(is_dropped=True), *[Reply(401)] * 9])
    server.answer = lambda seen: next(replies)
    target = open_system(write=UPSERT, limits={"connections": 1}).target("products")

    answers = await target.deliver(delivery("create", [{"sku": sku} for sku in "abc"]))

    assert outcomes(answers) == ["done", "unknown", "unsent"]
    assert answers["reason"].to_list()[1:] == ["ConnectionLost", "CredentialsRefused"]


async def test_a_record_that_may_not_be_looked_at_is_a_reject_and_stops_no_other(server, open_system):
    def answer(seen):
        if seen.method == "GET" and seen.path.endswith("/b"):
            return Reply(403)
        return Reply(200, {"other": 1})

    server.answer = answer
    write = {**UPSERT, "get": "GET /products/{sku}", "semantics": "replace"}
    target = open_system(write=write, limits={"connections": 1}).target("products")

    answers = await target.deliver(delivery("update", [{"sku": sku} for sku in "abc"]))

    assert outcomes(answers) == ["done", "rejected", "done"]
    assert answers["reason"][1] == "Forbidden"


@pytest.mark.parametrize(("write", "attempts"), [(OWN_IDS, 1), (UPSERT, 4)], ids=["creates", "upserts"])
async def test_a_target_that_is_down_is_left_alone_after_some_records_and_the_rest_are_unsent(
    server, open_system, write, attempts
):
    server.answer = lambda seen: Reply(503)
    target = open_system(list={"records": "items"}, write=write, limits={"connections": 1}).target("products")

    answers = await target.deliver(delivery("create", [{"sku": str(number)} for number in range(9)]))

    assert outcomes(answers) == ["unknown"] * 2 + ["unsent"] * 7
    assert set(answers["reason"]) == {"ServerError"}
    assert len(server.seen) == 2 * attempts


async def test_a_create_that_times_out_is_unknown_and_never_sent_twice(server, open_system):
    async def answer(seen):
        await asyncio.Event().wait()

    server.answer = answer
    target = open_system(rest={"timeout": "100ms"}, list={"records": "items"}, write=OWN_IDS).target("products")

    answers = await target.deliver(delivery("create", ROWS[:1]))

    assert answers["outcome"].to_list() == ["unknown"]
    assert answers["reason"].to_list() == ["Timeout"]
    assert len(server.seen) == 1


async def test_a_create_that_was_certainly_refused_is_sent_again(server, open_system):
    store = RecordStore(gives_ids=True)
    server.answer = first_then(Reply(429, headers={"Retry-After": "1"}), last=store.answer)
    target = open_system(list={"records": "items"}, write=OWN_IDS).target("products")

    assert outcomes(await target.deliver(delivery("create", ROWS[:1]))) == ["done"]
    assert store.effects == [("POST", "1")]


async def test_with_an_idempotency_key_a_lost_answer_makes_no_second_record(server, open_system):
    store = RecordStore(gives_ids=True)
    lost = []

    def answer(seen):
        reply = store.answer(seen)
        if not lost:
            lost.append(seen)
            return Reply(is_dropped=True)
        return reply

    server.answer = answer
    write = {**OWN_IDS, "idempotencyHeader": "Idempotency-Key"}
    target = open_system(list={"records": "items"}, write=write).target("products")

    answers = await target.deliver(delivery("create", ROWS[:1]))

    assert outcomes(answers) == ["done"]
    assert answers["target_id"].to_list() == ["1"]
    assert store.effects == [("POST", "1")]
    assert [seen.headers["Idempotency-Key"] for seen in server.seen] == ["key-0", "key-0"]
    assert target.capabilities.takes_idempotency_keys


async def test_a_lost_answer_to_an_upsert_is_asked_again(server, open_system):
    server.answer = first_then(Reply(is_dropped=True), last=Reply(200, {}))
    target = open_system(write=UPSERT).target("products")

    assert outcomes(await target.deliver(delivery("create", ROWS[:1]))) == ["done"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, text="<html>login</html>", headers={"Content-Type": "text/html"}),
        Reply(200, {"error": "not now"}),
        Reply(201, {"sku": "a"}),
        Reply(201),
    ],
    ids=["html", "error body", "no id", "empty"],
)
async def test_a_success_that_does_not_look_like_one_is_unknown_for_a_create(server, open_system, reply):
    server.answer = lambda seen: reply
    target = open_system(list={"records": "items"}, write=OWN_IDS).target("products")

    assert outcomes(await target.deliver(delivery("create", ROWS[:1]))) == ["unknown"]


async def test_creates_that_must_not_be_repeated_leave_few_in_doubt_where_a_target_is_down(server, open_system):
    server.answer = lambda seen: Reply(500)
    target = open_system(list={"records": "items"}, write=OWN_IDS, limits={"connections": 8}).target("products")

    answers = await target.deliver(delivery("create", [{"sku": str(number)} for number in range(50)]))

    assert outcomes(answers) == ["unknown"] * 3 + ["unsent"] * 47
    assert len(server.seen) == 3


async def test_a_first_record_that_a_target_fails_over_does_not_slow_down_the_others(server, open_system):
    async def answer(seen):
        for _ in range(50):
            await asyncio.sleep(0)
        return Reply(500) if seen.json["sku"] == "0" else Reply(201, {"id": f"i{seen.json['sku']}"})

    server.answer = answer
    target = open_system(list={"records": "items"}, write=OWN_IDS, limits={"connections": 8}).target("products")

    answers = await target.deliver(delivery("create", [{"sku": str(number)} for number in range(50)]))

    assert outcomes(answers) == ["unknown"] + ["done"] * 49
    assert server.most_in_flight == 8
