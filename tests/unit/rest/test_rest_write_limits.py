"""Writes under a login, limits and rules of the target: what is tried, how much at once, what of a record is sent."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import polars as pl
import pytest
from exchange import delivery
from record_store import RecordStore
from rest_writes import OWN_IDS, ROWS, UPSERT, outcomes
from scripted_server import Reply

from ponte.connectors.http.deadline import work_until
from ponte.errors import ConfigurationError, CredentialsRefused, TransientError


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

    assert answers["outcome"].to_list() == ["done", "unsent", "unsent"]
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


async def test_a_record_that_says_nothing_of_itself_is_fetched_as_an_empty_one(server, open_system):
    server.answer = lambda seen: Reply(200, {})
    target = open_system(write={"upsert": "PUT /products/{sku}", "get": "GET /products/{sku}"}).target("products")

    fetched = await target.fetch(pl.DataFrame({"sku": ["a", "b"]}), pl.Series([None, None], dtype=pl.String))

    assert fetched.to_dict(as_series=False) == {"row": [0, 1]}


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


async def test_what_a_slow_target_has_no_time_for_is_unsent(server, open_system, clock):
    def answer(seen):
        clock.time += timedelta(seconds=20)
        return Reply(200, {})

    server.answer = answer
    target = open_system(write=UPSERT, limits={"connections": 1}).target("products")
    started = clock.now()

    answers = await target.deliver(delivery("create", [{"sku": str(number)} for number in range(20)]))

    assert (clock.now() - started).total_seconds() <= target.capabilities.timeout_s
    assert len(server.seen) == 5
    assert answers["outcome"].to_list() == ["done"] * 5 + ["unsent"] * 15
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


async def test_no_request_starts_after_the_time_for_its_work_however_long_it_waited_for_its_turn(
    server, open_system, clock
):
    server.answer = lambda seen: Reply(404)
    target = open_system(write=UPSERT, limits={"requestsPerSecond": 1}).target("products")

    with work_until(clock.now() + timedelta(seconds=2.5)), pytest.raises(TransientError):
        await target.find(pl.DataFrame({"sku": list("abcdefgh")}))

    assert len(server.seen) == 3
