"""json-server: pages by number and by Link header, ids of its own, PUT that replaces."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from exchange import column, delivery, read_all

PAGINGS = {
    "page": {"page": {"parameter": "_page", "sizeParameter": "_limit", "size": 40}},
    "link": {"link": {"sizeParameter": "_limit", "size": 40}},
}
WRITE = {
    "create": "POST /products",
    "update": "PATCH /products/{id}",
    "delete": "DELETE /products/{id}",
    "get": "GET /products/{id}",
    "find": {"parameters": [{"name": "sku", "field": "sku"}]},
    "id": "id",
}


@pytest.fixture
def open_system(json_server, open_shop):
    def open_one(paging: str = "page", **write):
        product = {
            "path": "/products",
            "key": ["sku"],
            "list": {"parameters": [{"name": "_page", "value": "1"}] if paging == "link" else []},
            "write": {**WRITE, **write},
        }
        return open_shop({"baseUrl": {"value": json_server.base_url}, "pagination": PAGINGS[paging]}, product)

    return open_one


def rows(count: int) -> list[dict]:
    return [{"sku": f"{number:04d}/à", "price": Decimal(number) / 100, "tags": ["a", "b"]} for number in range(count)]


async def test_what_is_created_is_listed_found_changed_and_removed(open_system):
    system = open_system()
    target = system.target("products")

    created = await target.deliver(delivery("create", rows(90)))
    assert set(created["outcome"]) == {"done"}
    ids = dict(zip([row["sku"] for row in rows(90)], created["target_id"], strict=True))
    assert len(set(ids.values())) == 90

    for paging in PAGINGS:
        listed = await read_all(open_system(paging).source("products"), 50)
        assert sorted(column(listed, "sku")) == sorted(ids)
        assert listed[-1].is_last
        assert {Decimal(price) for price in column(listed, "price")} == {row["price"] for row in rows(90)}

    keys = pl.DataFrame({"sku": ["0007/à", "no such", "0089/à"]})
    assert (await target.find(keys)).rows() == [(0, ids["0007/à"]), (2, ids["0089/à"])]

    change = [{"sku": "0007/à", "price": Decimal("9.99")}, {"sku": "no such", "price": None}]
    changed = await target.deliver(delivery("update", change))
    assert changed["outcome"].to_list() == ["done", "rejected"]
    assert changed["reason"].to_list() == [None, "NotFound"]
    removed = await target.deliver(delivery("delete", [{"sku": "0089/à"}], [ids["0089/à"]]))
    again = await target.deliver(delivery("delete", [{"sku": "0089/à"}], [ids["0089/à"]]))
    assert removed["outcome"].to_list() == again["outcome"].to_list() == ["done"]

    fetched = await target.fetch(keys, pl.Series([ids["0007/à"], None, ids["0089/à"]]))
    assert fetched.select("row", "price").rows() == [(0, Decimal("9.99"))]
    assert fetched["tags"].to_list() == [["a", "b"]]


async def test_a_put_that_replaces_keeps_what_is_not_ours(open_system):
    system = open_system(semantics="replace", update="PUT /products/{id}")
    target = system.target("products")
    await target.deliver(delivery("create", rows(1)))

    changed = await target.deliver(delivery("update", [{"sku": "0000/à", "price": Decimal("5.00")}]))
    fetched = await target.fetch(pl.DataFrame({"sku": ["0000/à"]}), changed["target_id"])

    assert fetched.select("sku", "price", "tags").rows() == [("0000/à", 5, ["a", "b"])]


async def test_single_records_are_read_by_key(open_system):
    system = open_system()
    await system.target("products").deliver(delivery("create", rows(5)))

    batches = await read_all(system.source("products"), mode="keys", keys=pl.DataFrame({"sku": ["0003/à", "x"]}))

    assert column(batches, "sku") == ["0003/à"]
