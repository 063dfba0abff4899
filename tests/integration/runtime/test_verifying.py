"""Verify: what it says of empty, torn and doubled sides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from ponte.cli.main import run_program
from ponte.connectors.files.source import FileSource
from ponte.connectors.relational.source import RelationSource
from ponte.engine.ports import FAULT_SCHEMA
from ponte.errors import PonteError, TransientError


def verified(trade: Any) -> Any:
    return asyncio.run(trade.runtime.verify("products"))


@pytest.fixture
def torn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the shop's batches say of themselves from now on."""
    says: dict[str, Any] = {}
    read = RelationSource.read

    async def altered(self: RelationSource, wanted: Any) -> AsyncIterator[Any]:
        async for batch in read(self, wanted):
            yield replace(batch, **says)

    monkeypatch.setattr(RelationSource, "read", altered)
    return says


def test_all_of_the_target_is_extra_where_the_source_is_empty(trade: Any) -> None:
    trade.run()
    trade.articles.clear()
    trade.export()

    found = verified(trade)

    assert (found.equal, found.different, found.missing, found.extra) == (0, 0, 0, 100)
    assert found.differences[0].natural_key == "5:00000"
    assert found.differences == sorted(found.differences, key=lambda difference: difference.natural_key)


def test_two_empty_sides_are_aligned(trade: Any) -> None:
    trade.export()
    trade.articles.clear()
    trade.export()

    assert verified(trade).is_aligned


@pytest.mark.parametrize(
    ("says", "why"),
    [({"is_last": False}, "without the end mark"), ({"announced": 101}, "101 records were announced and 100 came")],
    ids=["no end mark", "fewer than announced"],
)
def test_a_target_that_was_not_read_whole_is_no_news_about_what_is_missing(
    says: dict[str, Any], why: str, trade: Any, torn: dict[str, Any]
) -> None:
    trade.run()
    torn.update(says)

    with pytest.raises(TransientError, match=why) as refused:
        verified(trade)
    assert "shop/products" in refused.value.message
    with pytest.raises(PonteError, match=why):
        asyncio.run(trade.runtime.repair("products"))


def test_a_source_that_was_not_read_whole_is_no_news_about_what_is_extra(
    trade: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade.run()
    read = FileSource.read

    async def torn(self: FileSource, wanted: Any) -> AsyncIterator[Any]:
        async for batch in read(self, wanted):
            yield replace(batch, is_last=False, frame=batch.frame.head(50))

    monkeypatch.setattr(FileSource, "read", torn)

    with pytest.raises(TransientError, match="erp/articles was not read whole"):
        verified(trade)


def test_records_of_the_target_with_one_natural_key_are_counted_and_named(trade: Any) -> None:
    trade.in_shop("DROP TABLE products")
    trade.in_shop("CREATE TABLE products (sku TEXT, name TEXT, price DECIMAL(12,2))")
    for code, (name, price) in trade.articles.items():
        trade.in_shop(f"INSERT INTO products VALUES ('{code}', '{name}', {price})")
    trade.in_shop("INSERT INTO products VALUES ('00007', 'Article 7', 7.50), ('00007', 'Article 7', 7.50)")
    trade.export()

    found = verified(trade)

    assert (found.equal, found.duplicate, found.extra, found.is_aligned) == (100, 2, 0, False)
    assert [(item.verdict, item.natural_key, item.key) for item in found.differences] == [
        ("duplicate", "5:00007", None)
    ]


def test_a_record_of_the_target_without_key_is_extra(trade: Any) -> None:
    trade.in_shop("DROP TABLE products")
    trade.in_shop("CREATE TABLE products (sku TEXT, name TEXT, price DECIMAL(12,2))")
    trade.in_shop("INSERT INTO products VALUES (NULL, 'nobody', 1), (NULL, 'nobody', 1)")
    trade.articles = {}
    trade.export()

    assert verified(trade).extra == 2


def test_fields_that_only_a_later_batch_of_the_target_has_are_compared(
    trade: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade.run()
    trade.in_shop("UPDATE products SET price = 99 WHERE sku = '00090'")
    read = RelationSource.read

    async def sparse(self: RelationSource, wanted: Any) -> AsyncIterator[Any]:
        async for batch in read(self, wanted):
            first, rest = batch.frame.head(1), batch.frame.slice(1)
            yield replace(batch, frame=first.drop("price"), is_last=False)
            yield replace(batch, frame=rest)

    monkeypatch.setattr(RelationSource, "read", sparse)

    found = verified(trade)

    assert ("different", "5:00090") in {(item.verdict, item.natural_key) for item in found.differences}


def test_what_is_missing_because_it_was_rejected_is_told_apart(
    trade: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trade.in_shop("CREATE TRIGGER no7 BEFORE INSERT ON products WHEN NEW.sku = '00007' "
                  "BEGIN SELECT RAISE(ABORT, 'not this one'); END")  # fmt: skip
    assert trade.run().account.rejected == 1
    monkeypatch.chdir(trade.folder)

    assert run_program(["verify", "products", "--ledger", f"sqlite:///{trade.folder}/ledger.db"]) == 1

    said = capsys.readouterr().out
    assert "1 of them is an open reject: ponte rejects list products" in said
    assert "--repair" not in said


def test_records_of_the_source_that_could_be_read_only_in_part_are_not_compared(
    trade: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade.run()
    read = FileSource.read
    fault = pl.DataFrame([{"row": 3, "field": "price", "reason": "Broken", "message": "m"}], schema=FAULT_SCHEMA)

    async def faulty(self: FileSource, wanted: Any) -> AsyncIterator[Any]:
        async for batch in read(self, wanted):
            yield replace(batch, faults=fault)

    monkeypatch.setattr(FileSource, "read", faulty)

    found = verified(trade)

    assert (found.equal, found.unknown, found.different, found.extra) == (99, 1, 0, 0)
    assert found.is_aligned


def test_what_was_delivered_and_is_rejected_now_is_unknown_and_not_extra(trade: Any) -> None:
    trade.run()
    trade.articles["00003"] = ("", "3.50")
    trade.export()

    found = verified(trade)

    assert (found.equal, found.unknown, found.extra, found.missing) == (99, 1, 0, 0)
