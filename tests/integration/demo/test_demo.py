"""The demo's story is true, its checks would see a lie, and its ERP and shop are what they say."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

ARTICLES = 10_000
OFFERED = ARTICLES - 12 - 5 - 21


@pytest.mark.needs("aiohttp")
def test_the_demo_does_what_it_says(folder: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(folder / "demo.py"), "--folder", "demo", "--articles", str(ARTICLES)],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "160"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    story = " ".join(done.stdout.split())
    told = [
        f"read {ARTICLES:,} = created {OFFERED:,} + skipped 21 (not for the web) + rejected 17",
        "rejects: 17 new, 17 open · RequiredFieldMissing name ×12 · NotConvertible price ×5",
        f"read {ARTICLES:,} = unchanged {OFFERED:,} + skipped 21 (not for the web) + rejected 17 (0 new)",
        "updated 3",
        "rejects: 1 new, 18 open",
        "updated 1",
        "rejects: 1 closed, 17 open",
        "read 1 = updated 1",
        "SIGKILL: the shop has",
        f"in the shop: created {OFFERED:,} · doubled 0 · lost 0",
    ]
    position = 0
    for part in told:
        position = story.index(part, position)
    killed_at = int(re.search(r"the shop has ([\d,]+) of", story)[1].replace(",", ""))  # type: ignore[index]  # found above
    assert 0 < killed_at < OFFERED


def rows_of(file: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(file)) as database:
        return list(database.execute("SELECT * FROM ARTICOLI"))


def test_a_generated_erp_is_always_the_same_and_has_the_faults_it_says(erp: ModuleType, tmp_path: Path) -> None:
    erp.write_database(tmp_path / "one.db", ARTICLES)
    erp.write_database(tmp_path / "two.db", ARTICLES)

    rows = [rows_of(tmp_path / "one.db"), rows_of(tmp_path / "two.db")]
    assert rows[0] == rows[1]
    assert len(rows[0]) == ARTICLES
    assert sum(not (name or "").strip() for _, name, *_ in rows[0]) == 12
    assert sum(row[3] in erp.BAD_PRICES for row in rows[0]) == 5
    assert sum(row[9] == "N" for row in rows[0]) == 21
    odd = [row for row in rows[0] if (not (row[1] or "").strip()) + (row[3] in erp.BAD_PRICES) + (row[9] == "N") > 1]
    assert odd == []


@pytest.mark.parametrize(
    ("units", "text"), [(123456, "1.234,56"), (5, "0,05"), (-1_200, "12,00-"), (100_000_000, "1.000.000,00")]
)
def test_numbers_look_like_an_italian_export(erp: ModuleType, checks: ModuleType, units: int, text: str) -> None:
    assert erp.italian(units, 2) == text
    assert checks.number_of(text) == Decimal(units) / 100


@pytest.mark.parametrize("text", ["12,5O", "n.d.", "12,50,00", "l8,90", "#RIF!", "", None, "1.2345,6"])
def test_what_is_no_number_is_none_for_the_checks_too(checks: ModuleType, text: str | None) -> None:
    assert checks.number_of(text) is None


def test_bar_codes_have_valid_check_digits(erp: ModuleType) -> None:
    code = erp.ean13(42)

    assert len(code) == 13
    assert sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(code)) % 10 == 0


@pytest.fixture
def told(erp: ModuleType, shop: ModuleType, tmp_path: Path) -> tuple[Path, Path, list[dict[str, object]]]:
    """An ERP of a few articles, a shop that has them all, and what the shop was sent."""
    erp.write_database(tmp_path / "erp.db", 200)
    with closing(sqlite3.connect(tmp_path / "erp.db")) as database:
        rows = database.execute(
            "SELECT ARTCOD, ARTDES, PREZZO, GIACENZA, STATO FROM ARTICOLI WHERE ARTCOD <= '0000100'"
        )
        sent: list[dict[str, object]] = [
            {
                "sku": code,
                "name": name.strip(),
                "price": price.replace(".", "").replace(",", "."),
                "stock": ("-" if stock.endswith("-") else "") + stock.rstrip("-").replace(".", "").replace(",", "."),
                "status": "active" if state == "A" else "disabled",
            }
            for code, name, price, stock, state in rows
        ]
        with database:
            database.execute("DELETE FROM ARTICOLI WHERE ARTCOD > '0000100'")
    store = shop.Store(tmp_path / "shop.db")
    store.upsert(sent)
    store.close()
    return tmp_path / "erp.db", tmp_path / "shop.db", sent


def test_the_checks_believe_a_shop_that_is_right(checks: ModuleType, told: tuple[Path, Path, object]) -> None:
    counted = checks.tally(*told[:2])

    assert counted.is_true
    assert counted.created == 100


@pytest.mark.parametrize(
    "lie",
    [
        "DELETE FROM products WHERE sku = '0000042'",
        "UPDATE products SET body = json_set(body, '$.price', '0.01') WHERE sku = '0000042'",
        "UPDATE products SET body = json_set(body, '$.name', 'x') WHERE sku = '0000042'",
        "INSERT INTO products (sku, body) SELECT 'X', body FROM products LIMIT 1",
        "INSERT INTO products (sku, body) SELECT sku, body FROM products LIMIT 1",
        "INSERT INTO effects (sku, effect) VALUES ('0000042', 'created')",
    ],
    ids=["lost", "wrong price", "wrong name", "stranger", "double", "created twice"],
)
def test_the_checks_see_every_lie(checks: ModuleType, told: tuple[Path, Path, object], lie: str) -> None:
    with closing(sqlite3.connect(told[1])) as store, store:
        store.execute(lie)

    assert not checks.tally(*told[:2]).is_true


def test_a_create_that_is_sent_twice_leaves_a_double(
    checks: ModuleType, shop: ModuleType, told: tuple[Path, Path, list[dict[str, object]]]
) -> None:
    store = shop.Store(told[1])
    store.create(told[2][41])
    store.close()

    assert checks.tally(*told[:2]).doubled == 1


def test_the_shop_answers_for_each_record_of_a_bulk(shop: ModuleType, tmp_path: Path) -> None:
    store = shop.Store(tmp_path / "shop.db")

    answers = store.upsert([{"sku": "1", "name": "a", "stock": 3}, {"name": "b"}, "c", {"sku": "1", "name": "d"}])
    emptied = store.upsert([{"sku": "1", "name": ""}])

    assert [answer.status for answer in (*answers, *emptied)] == [201, 422, 422, 200, 422]
    assert store.by_sku("1") == [{"id": 1, "sku": "1", "name": "d", "stock": 3}]
    assert store.effects()["effects"] == {"created": 1, "updated": 1, "unchanged": 0, "deleted": 0}
    store.close()
