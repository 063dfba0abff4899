"""django-oscar with django-oscar-api: a real B2B shop with tokens, ids of its own, pages that end with 404."""

from __future__ import annotations

import polars as pl
import pytest
from exchange import column, delivery, read_all

from ponte.errors import CredentialsRefused

PAGINGS = {"page": {"page": {"size": 20}}, "link": {"link": {"next": "next"}}}
PRODUCTS = "/admin/products/"


@pytest.fixture
def open_system(oscar, open_shop):
    def open_one(paging: str = "link", token: str | None = None, total: str | None = "count"):
        place = {"name": "Authorization", "secretRef": {"secretRef": {"name": "shop", "key": "token"}}}
        product = {
            "path": PRODUCTS,
            "key": ["upc"],
            "list": {"records": "results", **({"total": total} if total else {})},
            "write": {
                "create": f"POST {PRODUCTS}",
                "update": f"PATCH {PRODUCTS}{{id}}/",
                "get": f"GET {PRODUCTS}{{id}}/",
                "find": {"parameters": [{"name": "upc", "field": "upc"}]},
                "id": "id",
            },
        }
        rest = {
            "baseUrl": {"value": oscar.base_url},
            "auth": {"apiKey": {"header": place}},
            "pagination": PAGINGS[paging],
        }
        return open_shop(rest, product, f"Token {token or oscar.token}")

    return open_one


def rows(count: int) -> list[dict]:
    return [
        {"upc": f"A-{number:03d}", "title": f"Röhre {number}", "slug": f"a-{number:03d}", "product_class": "article"}
        for number in range(count)
    ]


async def test_a_catalogue_is_created_read_back_changed_and_refused_where_it_is_wrong(open_system):
    system = open_system()
    target = system.target("products")

    created = await target.deliver(delivery("create", rows(45), key=("upc",)))
    assert set(created["outcome"]) == {"done"}
    assert created["target_id"].n_unique() == 45

    for paging in PAGINGS:
        for total in ("count", None):
            listed = await read_all(open_system(paging, total=total).source("products"))
            assert sorted(column(listed, "upc")) == [row["upc"] for row in rows(45)]
            assert listed[-1].is_last
            assert listed[-1].announced == (45 if total else None)

    found = await target.find(pl.DataFrame({"upc": ["A-044", "A-04", "A-000"]}))
    assert found.rows() == [(0, created["target_id"][44]), (2, created["target_id"][0])]

    changed = await target.deliver(delivery("update", [{"upc": "A-044", "title": "Neu"}], key=("upc",)))
    fetched = await target.fetch(pl.DataFrame({"upc": ["A-044"]}), changed["target_id"])
    assert fetched.select("title", "slug").rows() == [("Neu", "a-044")]

    twice = await target.deliver(delivery("create", rows(1), key=("upc",)))
    assert twice.select("outcome", "reason", "field").rows() == [("rejected", "RefusedByTarget", "upc")]
    assert "already exists" in twice["message"][0]


async def test_a_wrong_token_is_refused_and_never_shown(open_system):
    system = open_system(token="canary-token")

    with pytest.raises(CredentialsRefused) as caught:
        await read_all(system.source("products"))
    probe = await system.probe()

    assert (probe.ok, probe.reason) == (False, "CredentialsRefused")
    assert "canary" not in caught.value.message + probe.message


async def test_the_schema_is_learnt_from_the_shop(open_system):
    system = open_system()
    await system.target("products").deliver(delivery("create", rows(2), key=("upc",)))

    types = {field.name: field.type for field in await system.schema("products")}

    assert types["upc"] == "string"
    assert types["id"] == "integer"
    assert types["is_public"] == "boolean"
    assert types["date_updated"] == "datetime"
    assert types["images"] == "json"
