"""What tests of writing by REST share: two kinds of target, two records, and replies one after the other."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl

from ponte.engine.ports import ANSWER_SCHEMA

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
    """One outcome for each row, in order."""
    assert answers.schema == ANSWER_SCHEMA
    assert answers["row"].to_list() == list(range(answers.height))
    return answers["outcome"].to_list()


def first_then(*replies: Any, last: Any) -> Callable[[Any], Any]:
    """Answers by the replies, one after the other, then by the last for ever."""
    queue = list(replies)
    return lambda seen: queue.pop(0) if queue else (last(seen) if callable(last) else last)
