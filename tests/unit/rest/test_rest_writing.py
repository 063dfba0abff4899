"""The rest connector as target: what is sent, what each answer means, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

import polars as pl
import pytest
from exchange import delivery
from record_store import RecordStore
from rest_writes import OWN_IDS, ROWS, UPSERT, outcomes
from scripted_server import Reply

from ponte.engine.ports import FOUND_SCHEMA
from ponte.errors import ConfigurationError


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
    assert answers["reason"].to_list() == ["AmbiguousMatch"]
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


@pytest.mark.parametrize(
    ("location", "target_id"),
    [
        ("/products/a%2F7", "a/7"),
        ("{base}/products/7/", "7"),
        ("products/7", "7"),
        ("/orders/7", None),
        ("https://elsewhere.example/products/7", None),
        ("/products/7/lines", None),
        (None, None),
    ],
)
async def test_an_answer_without_a_body_gives_the_id_by_the_address_of_the_new_record(
    server, open_system, location, target_id
):
    headers = {"Location": location.format(base=server.base_url)} if location else {}
    server.answer = lambda seen: Reply(201, headers=headers)
    target = open_system(write=OWN_IDS).target("products")

    answers = await target.deliver(delivery("create", ROWS[:1]))

    assert answers["target_id"].to_list() == [target_id]
    assert outcomes(answers) == ["done" if target_id else "unknown"]
