"""Whether the demo's story is true, found out without Ponte: the ERP's file and the shop's own store, by plain SQL.

What the shop must hold is computed here once more, in a few lines that share nothing with the program under test.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

_ITALIAN_NUMBER = re.compile(r"\d{1,3}(\.\d{3})*(,\d+)?|\d+(,\d+)?")


@dataclass(frozen=True, slots=True)
class Tally:
    """What is in the shop, against what the ERP says must be there.

    Attributes:
        expected: articles that belong into the shop.
        created: creates that the shop has logged.
        doubled: skus that were created more than once or stand in the shop more than once.
        lost: articles that are not in the shop, or not with the name, price, stock and status of the ERP.
        strangers: products in the shop that the ERP does not offer.
        repeated: records that were sent again and changed nothing.
    """

    expected: int
    created: int
    doubled: int
    lost: int
    strangers: int
    repeated: int

    @property
    def is_true(self) -> bool:
        """Whether every article is in the shop exactly once and right."""
        return self.created == self.expected and not (self.doubled or self.lost or self.strangers)


def tally(erp: Path, store: Path) -> Tally:
    """Counts by reading both files."""
    expected = dict(_offered(erp))
    with _reading(store) as shop:
        products = [(sku, _shown(json.loads(body))) for sku, body in shop.execute("SELECT sku, body FROM products")]
        creates = dict(shop.execute("SELECT sku, count(*) FROM effects WHERE effect = 'created' GROUP BY sku"))
        repeated = shop.execute("SELECT count(*) FROM effects WHERE effect = 'unchanged'").fetchone()[0]
    found = dict(products)
    standing = Counter(sku for sku, _ in products)
    twice = {sku for counts in (creates, standing) for sku, times in counts.items() if times > 1}
    return Tally(
        expected=len(expected),
        created=sum(creates.values()),
        doubled=len(twice),
        lost=sum(found.get(sku) != wanted for sku, wanted in expected.items()),
        strangers=len(found.keys() - expected.keys()),
        repeated=repeated,
    )


def count_products(store: Path) -> int:
    """How many products the shop has now; 0 while it has no store."""
    if not store.is_file():
        return 0
    with _reading(store) as shop:
        return int(shop.execute("SELECT count(*) FROM products").fetchone()[0])


def product(store: Path, sku: str) -> dict[str, Any]:
    """One product as the shop has it."""
    with _reading(store) as shop:
        return dict(json.loads(shop.execute("SELECT body FROM products WHERE sku = ?", (sku,)).fetchone()[0]))


def number_of(text: str | None) -> Decimal | None:
    """An Italian decimal such as `1.234,56` or `12,000-`; None for what is none."""
    digits, minus = (text or "").removesuffix("-"), (text or "").endswith("-")
    if not _ITALIAN_NUMBER.fullmatch(digits):
        return None
    value = Decimal(digits.replace(".", "").replace(",", "."))
    return -value if minus else value


def _offered(erp: Path) -> Iterator[tuple[str, tuple[Any, ...]]]:
    with _reading(erp) as database:
        rows = database.execute("SELECT ARTCOD, ARTDES, PREZZO, GIACENZA, STATO FROM ARTICOLI WHERE FLAG_WEB = 'S'")
        for code, name, price, stock, state in rows:
            wanted = ((name or "").strip(), number_of(price), number_of(stock))
            if wanted[0] and wanted[1] is not None:
                yield code, (*wanted, "active" if state == "A" else "disabled")


def _shown(body: dict[str, Any]) -> tuple[Any, ...]:
    amounts = (Decimal(str(body.get(field, "NaN"))) for field in ("price", "stock"))
    return (body.get("name"), *amounts, body.get("status"))


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
        yield database
