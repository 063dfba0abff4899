"""The rest connector as target: what each answer means, what may be sent twice, and what never leaves twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from urllib.parse import quote

import polars as pl
import pytest
from exchange import delivery
from record_store import RecordStore
from scripted_server import Reply

from ponte.engine.ports import ANSWER_SCHEMA, FOUND_SCHEMA
from ponte.errors import ConfigurationError, CredentialsRefused, TransientError

UPSERT = {"upsert": "PUT /products/{sku}", "delete": "DELETE /products/{sku}", "get": "GET /products/{sku}"}
OWN_IDS = {
    "create": "POST /products",
    "update": "PATCH /products/{id}",
    "delete": "DELETE /products/{id}",
    "get": "GET /products/{id}",
    "find": {"parameters": [{"name": "sku", "field": "sku"}]},
    "id": "id",
}
ROWS = [{"sku": "a", "price": Decimal("1.10")}, {"sku": "b", "price": Decimal("2.25")}]


def outcomes(answers: pl.DataFrame) -> list[str]:
    assert answers.schema == ANSWER_SCHEMA
    assert answers["row"].to_list() == list(range(answers.height))
    return answers["outcome"].to_list()


def first_then(*replies, last):
    """Answers by the replies, one after the other, then by the last for ever."""
    queue = list(replies)
    return lambda seen: queue.pop(0) if queue else (last(seen) if callable(last) else last)


async def test_an_upsert_creates_and_updates_by_our_key(server, open_system):
    store = RecordStore()
    server.answer = store.answer
    target = open_system(write=UPSERT).target("products")

    answers = await target.deliver(delivery("create", ROWS))
    again = await target.deliver(delivery("update", [{"sku": "a", "price": Decimal("3.00")}]))

    assert outcomes(answers) + outcomes(again) == ["done"] * 3
    assert {key: record["price"] for key, record in store.records.items()} == {"a": 3.0, "b": 2.25}
    assert target.capabilities.upserts
    assert target.capabilities.operations == {"create", "update", "delete"}


async def test_decimals_are_sent_by_their_own_digits(server, open_system):
    server.answer = lambda seen: Reply(200, {})
    target = open_system(write=UPSERT).target("products")

    await target.deliver(delivery("create", [{"sku": "a", "price": Decimal("12345678901234567.89")}]))

    assert server.seen[0].body == b'{"sku":"a","price":12345678901234567.89}'


@pytest.mark.parametrize("key", ["a/b", "a b?c#d%", "più", "..a", "%2e%2e", "a;b=c&d", "C:\\x"])
async def test_keys_with_awkward_characters_arrive_as_they_are(server, open_system, key):
    store = RecordStore()
    server.answer = store.answer
    target = open_system(write=UPSERT).target("products")

    await target.deliver(delivery("create", [{"sku": key, "price": 1}]))
    assert list(store.records) == [key]
    assert server.asked() == [f"/products/{quote(key, safe='')}"]
    fetched = await target.fetch(pl.DataFrame({"sku": [key]}), pl.Series([None], dtype=pl.String))
    assert fetched["sku"].to_list() == [key]
    await target.deliver(delivery("delete", [{"sku": key}]))
    assert store.records == {}


@pytest.mark.parametrize("key", ["", ".", "..", None])
async def test_a_key_that_no_address_can_carry_is_rejected_and_nothing_is_sent(server, open_system, key):
    target = open_system(write=UPSERT).target("products")

    answers = await target.deliver(delivery("delete", pl.DataFrame({"sku": [key]}, schema={"sku": pl.String})))

    assert answers["reason"].to_list() == ["KeyNotAddressable"]
    assert server.seen == []


async def test_a_target_with_ids_of_its_own_gives_them_and_is_updated_by_them(server, open_system):
    store = RecordStore(gives_ids=True)
    server.answer = store.answer
    target = open_system(list={"records": "items"}, write=OWN_IDS).target("products")

    created = await target.deliver(delivery("create", ROWS))
    updated = await target.deliver(delivery("update", [{"sku": "a", "price": 9}], created["target_id"].to_list()[:1]))
    removed = await target.deliver(delivery("delete", [{"sku": "b"}], created["target_id"].to_list()[1:]))

    assert created["target_id"].to_list() == ["1", "2"]
    assert outcomes(updated) + outcomes(removed) == ["done", "done"]
    assert store.records == {"1": {"sku": "a", "price": 9, "id": 1}}
    assert not target.capabilities.upserts
    assert target.capabilities.gives_ids


async def test_an_id_that_is_not_known_is_looked_up_by_the_natural_key(server, open_system):
    store = RecordStore(gives_ids=True)
    server.answer = store.answer
    target = open_system(list={"records": "items"}, write=OWN_IDS).target("products")
    await target.deliver(delivery("create", ROWS))

    answers = await target.deliver(delivery("update", [{"sku": "b", "price": 7}, {"sku": "zz", "price": 7}]))

    assert answers["outcome"].to_list() == ["done", "rejected"]
    assert answers["target_id"].to_list() == ["2", None]
    assert answers["reason"].to_list() == [None, "NotFound"]
    assert store.records["2"]["price"] == 7


async def test_two_records_with_one_natural_key_are_reported_and_none_is_chosen(server, open_system):
    store = RecordStore(gives_ids=True)
    store.records = {"1": {"sku": "a", "id": 1}, "2": {"sku": "a", "id": 2}}
    server.answer = store.answer
    target = open_system(list={"records": "items"}, write=OWN_IDS).target("products")

    found = await target.find(pl.DataFrame({"sku": ["x", "a"]}))
    answers = await target.deliver(delivery("update", [{"sku": "a", "price": 7}]))

    assert found.schema == FOUND_SCHEMA
    assert found.rows() == [(1, "1"), (1, "2")]
    assert answers["reason"].to_list() == ["AmbiguousTarget"]
    assert store.effects == []


async def test_a_find_whose_answer_lacks_the_key_cannot_be_trusted(server, open_system):
    server.answer = lambda seen: Reply(json={"items": [{"id": 1}]})
    target = open_system(list={"records": "items"}, write=OWN_IDS).target("products")

    with pytest.raises(ConfigurationError) as caught:
        await target.find(pl.DataFrame({"sku": ["a"]}))

    assert caught.value.reason == "FindCannotBeChecked"


async def test_deleting_what_is_gone_is_done(server, open_system):
    server.answer = RecordStore().answer
    target = open_system(write=UPSERT).target("products")

    assert outcomes(await target.deliver(delivery("delete", [{"sku": "gone"}]))) == ["done"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "RefusedByTarget"),
        (404, "NotFound"),
        (409, "Conflict"),
        (412, "Conflict"),
        (413, "TooLarge"),
        (422, "RefusedByTarget"),
    ],
)
async def test_a_refusal_is_a_reject_with_the_servers_words_and_field(server, open_system, status, reason):
    body = {"errors": {"price": ["must be above zero \u202e\x1b[31m" + "x" * 5000]}}
    server.answer = lambda seen: Reply(status, body) if seen.path.endswith("/b") else Reply(200, {})
    target = open_system(write=UPSERT).target("products")

    answers = await target.deliver(delivery("update", ROWS))

    refused = answers.row(1, named=True)
    assert answers["outcome"].to_list() == ["done", "rejected"]
    assert (refused["reason"], refused["field"]) == (reason, "price")
    assert "must be above zero" in refused["message"]
    assert len(refused["message"]) < 400
    assert refused["message"].isprintable()
    assert len(server.seen) == 2


async def test_a_redirected_write_is_not_followed(server, open_system):
    server.answer = lambda seen: Reply(301, headers={"Location": "/elsewhere"})
    target = open_system(write=UPSERT).target("products")

    answers = await target.deliver(delivery("create", ROWS[:1]))

    assert answers["reason"].to_list() == ["Redirected"]
    assert len(server.seen) == 1


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
    assert clock.slept == []


async def test_a_create_that_may_have_worked_is_unknown_and_never_sent_twice(server, open_system):
    for reply in (Reply(is_dropped=True), Reply(500), Reply(502), Reply(503), Reply(504)):
        server.seen.clear()
        server.answer = lambda seen, reply=reply: reply
        target = open_system(list={"records": "items"}, write=OWN_IDS).target("products")

        answers = await target.deliver(delivery("create", ROWS[:1]))

        assert outcomes(answers) == ["unknown"]
        assert len(server.seen) == 1


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


async def test_a_refused_login_is_tried_once_however_many_records_wait(server, open_system):
    server.answer = lambda seen: Reply(401)
    target = open_system(write=UPSERT, limits={"connections": 50}).target("products")
    rows = [{"sku": str(number)} for number in range(200)]

    for _ in range(2):
        with pytest.raises(CredentialsRefused):
            await target.deliver(delivery("create", rows))

    assert len(server.seen) == 1


async def test_a_login_that_may_not_write_is_tried_once(server, open_system):
    store = RecordStore()
    server.answer = lambda seen: store.answer(seen) if seen.method == "GET" else Reply(403, {"message": "read only"})
    system = open_system(write=UPSERT)
    await system.probe()

    with pytest.raises(CredentialsRefused):
        await system.target("products").deliver(delivery("create", [{"sku": str(number)} for number in range(50)]))

    assert len(server.asked("PUT")) == 1


async def test_one_record_that_is_forbidden_does_not_stop_the_others(server, open_system):
    server.answer = lambda seen: Reply(403) if seen.path.endswith("/b") else Reply(200, {})
    target = open_system(write=UPSERT).target("products")

    answers = await target.deliver(delivery("create", [*ROWS, {"sku": "c", "price": None}]))

    assert answers["reason"].to_list() == [None, "Forbidden", None]


async def test_a_login_that_is_refused_half_way_leaves_what_was_done_done(server, open_system):
    server.answer = lambda seen: Reply(401) if seen.path.endswith("/b") else Reply(200, {})
    target = open_system(write=UPSERT, limits={"connections": 1}).target("products")

    answers = await target.deliver(delivery("create", [*ROWS, {"sku": "c", "price": None}]))

    assert answers["outcome"].to_list() == ["done", "rejected", "rejected"]
    assert answers["reason"].to_list()[1:] == ["CredentialsRefused", "CredentialsRefused"]
    assert len(server.seen) == 2


async def test_a_system_that_is_away_raises_because_nothing_was_applied(server, open_system, clock):
    target = open_system(write=UPSERT, limits={"connections": 2}).target("products")
    await server.stop()

    with pytest.raises(TransientError) as caught:
        await target.deliver(delivery("create", [{"sku": str(number)} for number in range(100)]))

    assert caught.value.reason == "ConnectionFailed"


async def test_records_go_out_side_by_side_but_never_more_than_connections(server, open_system):
    async def answer(seen):
        for _ in range(50):
            await asyncio.sleep(0)
        return Reply(200, {})

    server.answer = answer
    target = open_system(write=UPSERT, limits={"connections": 20}).target("products")

    await target.deliver(delivery("create", [{"sku": str(number)} for number in range(200)]))

    assert server.most_in_flight == 20


async def test_requests_per_second_hold_for_all_objects_together(server, open_system, clock):
    server.answer = lambda seen: Reply(200, {})
    system = open_system(write=UPSERT, limits={"requestsPerSecond": 10})

    await system.target("products").deliver(delivery("create", [{"sku": str(number)} for number in range(11)]))
    await system.target("products").deliver(delivery("create", [{"sku": str(number)} for number in range(10)]))

    assert sum(clock.slept) == pytest.approx(2.0)


async def test_a_target_that_replaces_gets_the_fields_that_we_do_not_map(server, open_system):
    store = RecordStore(merges=False)
    store.records["a"] = {"sku": "a", "price": 1, "photo": "a.jpg", "at": {"city": "Bari", "zip": "70100"}, "tags": [1]}
    server.answer = store.answer
    target = open_system(write={**UPSERT, "semantics": "replace"}).target("products")
    rows = [{"sku": "a", "price": Decimal("2.10"), "at": {"city": "Roma"}}, {"sku": "n", "price": None, "at": None}]

    answers = await target.deliver(delivery("create", rows, omit_null=frozenset({"at"})))

    assert outcomes(answers) == ["done", "done"]
    assert store.records["a"] == {
        "sku": "a", "price": 2.1, "photo": "a.jpg", "at": {"city": "Roma", "zip": "70100"}, "tags": [1],
    }  # fmt: skip
    assert store.records["n"] == {"sku": "n", "price": None}


async def test_a_job_that_owns_the_whole_record_replaces_without_reading(server, open_system):
    store = RecordStore(merges=False)
    store.records["a"] = {"sku": "a", "photo": "a.jpg"}
    server.answer = store.answer
    target = open_system(write={**UPSERT, "semantics": "replace"}).target("products")

    await target.deliver(delivery("update", ROWS[:1], owns_whole_record=True))

    assert server.asked("GET") == []
    assert store.records["a"] == {"sku": "a", "price": 1.1}


async def test_replacing_without_a_way_to_read_is_refused_before_anything_is_sent(server, open_system):
    target = open_system(write={"semantics": "replace", "upsert": "PUT /products/{sku}"}).target("products")

    with pytest.raises(ConfigurationError, match="ownsWholeRecord"):
        await target.deliver(delivery("update", ROWS))

    assert server.seen == []


async def test_fetch_brings_the_records_as_they_stand(server, open_system):
    store = RecordStore(gives_ids=True)
    server.answer = store.answer
    target = open_system(list={"records": "items"}, write=OWN_IDS).target("products")
    await target.deliver(delivery("create", ROWS))

    fetched = await target.fetch(pl.DataFrame({"sku": ["zz", "b", "a"]}), pl.Series([None, "2", None], dtype=pl.String))

    assert fetched.select("row", "sku", "price").rows() == [(1, "b", Decimal("2.25")), (2, "a", Decimal("1.10"))]


async def test_an_operation_that_is_not_offered_is_refused(open_system):
    target = open_system(write={"create": "POST /products"}).target("products")

    assert target.capabilities.operations == {"create"}
    with pytest.raises(ConfigurationError):
        await target.deliver(delivery("delete", [{"sku": "a"}]))


async def test_a_number_that_json_cannot_express_is_rejected(server, open_system):
    server.answer = lambda seen: Reply(200, {})
    target = open_system(write=UPSERT).target("products")

    answers = await target.deliver(
        delivery("create", [{"sku": "a", "weight": float("nan")}, {"sku": "b", "weight": 1.5}])
    )

    assert answers["reason"].to_list() == ["NotExpressible", None]
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [404, 405, 415])
async def test_an_address_that_takes_no_creates_is_a_fault_of_the_settings_and_no_heap_of_rejects(
    server, open_system, status
):
    server.answer = lambda seen: Reply(status)
    target = open_system(write={"create": "POST /products"}).target("products")

    with pytest.raises(ConfigurationError, match=r"write\.create"):
        await target.deliver(delivery("create", [{"sku": str(number)} for number in range(100)]))

    assert len(server.seen) == 1


async def test_what_a_slow_target_has_no_time_for_is_rejected_unsent_and_tried_by_the_next_run(
    server, open_system, clock
):
    def answer(seen):
        clock.time += timedelta(seconds=20)
        return Reply(200, {})

    server.answer = answer
    target = open_system(write=UPSERT, limits={"connections": 1}).target("products")
    started = clock.now()

    answers = await target.deliver(delivery("create", [{"sku": str(number)} for number in range(20)]))

    assert (clock.now() - started).total_seconds() <= target.capabilities.timeout_s
    assert len(server.seen) == 5
    assert answers["outcome"].to_list() == ["done"] * 5 + ["rejected"] * 15
    assert set(answers["reason"][5:]) == {"Unavailable"}


async def test_json_fields_are_sent_as_what_they_say(server, open_system):
    store = RecordStore()
    server.answer = store.answer
    target = open_system(write=UPSERT).target("products")
    rows = [{"sku": "a", "more": '{"sizes":[1,2]}'}, {"sku": "b", "more": None}]

    answers = await target.deliver(delivery("create", rows, json_fields=frozenset({"more"})))

    assert outcomes(answers) == ["done", "done"]
    assert [store.records[key]["more"] for key in "ab"] == [{"sizes": [1, 2]}, None]


@pytest.mark.parametrize(
    ("write", "gives_ids"),
    [
        (UPSERT, False),
        (OWN_IDS, True),
        ({"create": "POST /products", "delete": "DELETE /products/{id}"}, True),
        ({"create": "POST /products", "get": "GET /products/{id}"}, True),
        ({"create": "POST /products", "id": "id"}, False),
    ],
)
def test_a_target_gives_ids_where_an_address_names_one(open_system, write, gives_ids):
    assert open_system(write=write).target("products").capabilities.gives_ids is gives_ids
