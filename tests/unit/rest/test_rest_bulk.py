"""Bulk delivery: an answer for each record, whatever the server makes of the request."""

from __future__ import annotations

import polars as pl
import pytest
from exchange import delivery
from record_store import RecordStore
from scripted_server import Reply

from ponte.errors import ConfigurationError

BULK = {"upsert": "PUT /products/{sku}", "bulk": {"request": "POST /products/bulk", "size": 10, "id": "id"}}


def rows(count: int) -> list[dict]:
    return [{"sku": f"{number:03d}", "price": number} for number in range(count)]


async def test_many_records_go_in_one_request_and_each_has_its_answer(server, open_system):
    store = RecordStore()
    server.answer = store.answer
    target = open_system(write=BULK).target("products")
    records = rows(25)
    records[13]["price"] = -1

    answers = await target.deliver(delivery("create", records))

    assert len(server.seen) == 3
    assert answers["outcome"].to_list() == ["done"] * 13 + ["rejected"] + ["done"] * 11
    assert answers.row(13, named=True)["message"] == "HTTP 422: price must not be negative"
    assert len(store.records) == 24


async def test_a_request_that_is_refused_whole_is_split_until_the_culprit_stands_alone(server, open_system):
    stored = []

    def answer(seen):
        if any(record["sku"] == "003" for record in seen.json):
            return Reply(422, {"message": "sku 003 is bad"})
        stored.extend(record["sku"] for record in seen.json)
        return Reply(200, [{"status": "ok"} for _ in seen.json])

    server.answer = answer
    target = open_system(write=BULK).target("products")

    answers = await target.deliver(delivery("create", rows(10)))

    assert [row for row in range(10) if answers["outcome"][row] == "rejected"] == [3]
    assert sorted(stored) == [f"{number:03d}" for number in range(10) if number != 3]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, [{"status": 200}]),
        Reply(200),
        Reply(200, {"taken": 10}),
        Reply(207, [{}] * 10),
        Reply(200, text="<p>"),
    ],
    ids=["too few", "empty", "no list", "no status", "html"],
)
async def test_answers_that_cannot_be_matched_leave_every_record_unknown(server, open_system, reply):
    server.answer = lambda seen: reply
    target = open_system(write=BULK).target("products")

    answers = await target.deliver(delivery("create", rows(10)))

    assert answers["outcome"].to_list() == ["unknown"] * 10


async def test_a_bulk_of_creates_that_may_have_worked_is_unknown_and_sent_once(server, open_system):
    server.answer = lambda seen: Reply(is_dropped=True)
    write = {"create": "POST /products", "bulk": {"request": "POST /products/bulk", "size": 10}}
    target = open_system(write=write).target("products")

    answers = await target.deliver(delivery("create", rows(10)))

    assert answers["outcome"].to_list() == ["unknown"] * 10
    assert len(server.seen) == 1
    assert target.capabilities.operations == {"create"}
    assert not target.capabilities.upserts


async def test_the_list_stands_where_the_server_wants_it_and_so_do_the_answers(server, open_system):
    def answer(seen):
        return Reply(200, {"result": {"rows": [{"code": "201", "new": {"id": 7}} for _ in seen.json["data"]["rows"]]}})

    server.answer = answer
    bulk = {"records": "data.rows", "answers": "result.rows", "status": "code", "id": "new.id"}
    target = open_system(write={"bulk": {"request": "POST /products/bulk", **bulk}}).target("products")

    answers = await target.deliver(delivery("create", rows(2)))

    assert answers["target_id"].to_list() == ["7", "7"]


async def test_a_bulk_address_that_is_not_there_is_a_fault_of_the_settings(server, open_system):
    server.answer = lambda seen: Reply(404)
    target = open_system(write=BULK).target("products")

    with pytest.raises(ConfigurationError, match=r"write\.bulk\.request"):
        await target.deliver(delivery("create", rows(10)))


@pytest.mark.parametrize("status", [408, 500, 503, 504])
async def test_a_record_of_a_bulk_whose_status_leaves_open_what_happened_is_unknown(server, open_system, status):
    answers = [{"status": 201, "id": "1"}, {"status": status, "message": "backend"}, {"status": 201, "id": "3"}]
    server.answer = lambda seen: Reply(207, answers)
    write = {**BULK, "create": "POST /products", "update": "PATCH /products/{id}", "id": "id"}
    del write["upsert"]

    told = await open_system(write=write).target("products").deliver(delivery("create", rows(3)))

    assert told["outcome"].to_list() == ["done", "unknown", "done"]
    assert told.row(1, named=True)["message"] == f"HTTP {status} for this record: backend."


async def test_a_record_of_a_bulk_that_was_one_too_many_is_unsent(server, open_system):
    server.answer = lambda seen: Reply(207, [{"status": 200}, {"status": 429}])

    told = await open_system(write=BULK).target("products").deliver(delivery("create", rows(2)))

    assert (told["outcome"].to_list(), told["reason"][1]) == (["done", "unsent"], "RateLimited")


@pytest.mark.parametrize(("write", "outcome"), [("upsert", "rejected"), ("create", "unknown")])
async def test_a_record_of_a_bulk_with_a_success_that_is_an_error_is_none(server, open_system, write, outcome):
    server.answer = lambda seen: Reply(200, [{"status": 200, "error": "no such category"}, {"status": 200, "id": "2"}])
    ways = {"upsert": {"upsert": "PUT /products/{sku}"}, "create": {"create": "POST /products", "id": "id"}}
    bulk = {"request": "POST /products/bulk", "size": 10, "id": "id"}

    target = open_system(write={**ways[write], "bulk": bulk}).target("products")
    told = await target.deliver(delivery("create", rows(2)))

    assert told["outcome"].to_list() == [outcome, "done"]
    assert "no such category" in told.row(0, named=True)["message"]


async def test_an_idempotency_key_covers_the_whole_bulk(server, open_system):
    replies = [Reply(is_dropped=True)]
    server.answer = lambda seen: replies.pop() if replies else Reply(200, [{"status": 201} for _ in seen.json])
    write = {"bulk": {"request": "POST /products/bulk"}, "idempotencyHeader": "Idempotency-Key"}
    target = open_system(write=write).target("products")

    answers = await target.deliver(delivery("create", rows(3)))

    assert answers["outcome"].to_list() == ["done"] * 3
    assert len({seen.headers["Idempotency-Key"] for seen in server.seen}) == 1
    assert len(server.seen) == 2


async def test_a_row_that_json_cannot_express_does_not_hold_up_the_others(server, open_system):
    server.answer = RecordStore().answer
    target = open_system(write=BULK).target("products")
    frame = pl.DataFrame({"sku": ["a", "b", "c"], "price": [1.0, float("inf"), 2.0]})

    answers = await target.deliver(delivery("create", frame))

    assert answers["reason"].to_list() == [None, "NotExpressible", None]
