"""The articles that every tool of a bench reads: 16 fields, about 400 bytes each as JSON, the same in each form.

The server's process and the bench's own make them anew by number, so nothing has to be handed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

FIELDS = (
    ("sku", "text"), ("name", "text"), ("description", "text"), ("price", "numeric(12,2)"), ("cost", "numeric(12,2)"),
    ("stock", "bigint"), ("weight", "numeric(10,3)"), ("ean", "text"), ("brand", "text"), ("category", "text"),
    ("unit", "text"), ("active", "boolean"), ("created", "date"), ("modified", "timestamptz"), ("vat", "bigint"),
    ("note", "text"),
)  # fmt: skip
NAMES = tuple(name for name, _ in FIELDS)


def article(n: int, changes: int) -> dict[str, Any]:
    """An article as JSON values.

    Args:
        n: its number.
        changes: how often one article in a hundred got another price.
    """
    cents = n * 7 % 100_000 + (changes if n % 100 == 3 else 0)
    day = n % 28 + 1
    return {
        "sku": f"A{n:07d}",
        "name": f"Article è {n}",
        "description": f"A long description of article {n}, with some words in it",
        "price": cents / 100,
        "cost": n % 90_000 / 100,
        "stock": n % 500,
        "weight": n % 90_000 / 1000,
        "ean": str(8_000_000_000_000 + n),
        "brand": f"Brand {n % 40}",
        "category": f"Category {n % 200}",
        "unit": "PCE",
        "active": n % 9 != 0,
        "created": f"2020-{n % 12 + 1:02d}-{day:02d}",
        "modified": f"2026-01-{day:02d}T{n % 24:02d}:{n % 60:02d}:00Z",
        "vat": 22,
        "note": f"on shelf {n % 77}",
    }


def articles(records: int, changes: int) -> Iterator[dict[str, Any]]:
    """All articles, in order."""
    return (article(n, changes) for n in range(records))


def texts(record: dict[str, Any]) -> list[str]:
    """An article as the cells of a text file."""
    return [value if isinstance(value, str) else json.dumps(value) for value in record.values()]
