"""Targets that only replace: what is not ours stays as it stood there, to the digit, however deep it lies."""

from __future__ import annotations

import json
from decimal import Decimal

from exchange import delivery
from rest_writes import outcomes
from scripted_server import Reply

HELD = (
    '{"sku": "a", "price": 1.50, "margin": 0.10, "big": 12345678901234567890.123456789, "tiny": 1E-30, "zero": -0.0,'
    ' "at": {"city": "Bari", "geo": {"lat": 41.1171432000, "by": null}, "floors": [1, 2.0]},'
    ' "lines": [{"pos": 1, "art": "x", "id": 901}, {"pos": 2, "art": "y", "id": 902}], "tags": [], "note": "Ü"}'
)
WRITE = {
    "semantics": "replace",
    "create": "POST /products",
    "update": "PUT /products/{id}",
    "get": "GET /products/{id}",
    "id": "id",
}


def digits(document: str) -> dict:
    return json.loads(document, parse_float=str, parse_int=str)


async def replaced(server, open_system, row: dict, **more) -> dict:
    """What is sent for a row, with numbers as the text that stands there."""
    server.answer = lambda seen: Reply(200, text=HELD) if seen.method == "GET" else Reply(200, {})
    target = open_system(write=WRITE).target("products")
    assert outcomes(await target.deliver(delivery("update", [row], ["7"], **more))) == ["done"]
    return digits(server.seen[-1].body.decode())


async def test_what_is_not_ours_keeps_its_digits_at_every_depth(server, open_system):
    row = {"sku": "a", "price": Decimal("2.15"), "at": {"city": "Roma", "geo": {"by": "gps"}}}

    sent = await replaced(server, open_system, row)

    held = digits(HELD)
    assert sent == {
        **held,
        "price": "2.15",
        "at": {"city": "Roma", "geo": {"lat": "41.1171432000", "by": "gps"}, "floors": ["1", "2.0"]},
    }
    assert (sent["big"], sent["tiny"], sent["zero"]) == ("12345678901234567890.123456789", "1E-30", "-0.0")


async def test_lists_are_ours_as_a_whole_and_null_and_omitted_are_told_apart(server, open_system):
    row = {"sku": "a", "lines": [{"pos": 1, "art": "z"}], "tags": ["new"], "at": None, "note": None}

    sent = await replaced(server, open_system, row, omit_null=frozenset({"note"}))

    assert sent == {**digits(HELD), "lines": [{"pos": "1", "art": "z"}], "tags": ["new"], "at": None}
