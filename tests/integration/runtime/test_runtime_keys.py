"""Keys that no run may stumble over: erased ones, and ones that a ledger could not keep."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ponte.engine.run import RunFailed
from ponte.ledger import erasure, opening, review, runs


def test_an_erased_record_is_left_alone_by_every_later_run(trade: Any) -> None:
    trade.run()
    with opening.opened(f"sqlite:///{trade.folder}/ledger.db") as ledger:
        erasure.erase(ledger, "00007")
    trade.articles["00007"] = ("Another name", "1.00")

    again = trade.run()

    assert (again.phase, again.account.unchanged, again.account.skipped) == ("Succeeded", 99, 1)
    assert again.notes == ["erased on request and left alone: 1"]
    assert trade.delivered["00007"] == ("Article 7", "7.50")


def test_an_erased_record_that_is_wrong_is_not_listed_either(trade: Any) -> None:
    trade.articles["00007"] = ("", "1.00")
    trade.run()
    with opening.opened(f"sqlite:///{trade.folder}/ledger.db") as ledger:
        erasure.erase(ledger, "00007")

    again = trade.run()

    assert (again.account.skipped, again.account.rejected, again.rejects.open) == (1, 0, 0)
    assert b"00007" not in (trade.folder / "ledger.db").read_bytes()


def test_what_waits_for_approval_forgets_an_erased_record(trade: Any) -> None:
    trade.run()
    for code in ("00003", "00004", "00005", "00006", "00007", "00008"):
        del trade.articles[code]
    waiting = trade.run()
    with opening.opened(f"sqlite:///{trade.folder}/ledger.db") as ledger:
        erasure.erase(ledger, "00007")
        left = runs.pending(ledger, waiting.run)

    assert left is not None
    assert sorted(left["key"]) == [f"5:0000{n}" for n in (3, 4, 5, 6, 8)]
    asyncio.run(trade.runtime.approve("products", waiting.run, "Ada"))
    assert set(trade.delivered) == {*trade.articles, "00007"}


@pytest.mark.parametrize("code", ["x" * 1025, "a\0b"], ids=["too long", "with a NUL"])
def test_a_key_that_cannot_be_kept_rejects_its_record_and_no_other(trade: Any, code: str) -> None:
    trade.articles[code] = ("Odd", "1.00")

    result = trade.run()

    assert (result.account.created, result.account.rejected) == (100, 1)
    assert result.account.is_closed


def test_a_record_whose_natural_key_changed_goes_through_when_a_person_says_the_old_one_is_gone(trade: Any) -> None:
    mapping = trade.folder / "integration" / "all.yaml"
    trade.run()
    text = mapping.read_text(encoding="utf-8")
    mapping.write_text(text.replace("{to: sku, from: code, required: true}", "{to: sku, from: name, required: true}"))
    trade.articles = {"00001": ("A-1", "1.50")}
    changed = trade.run(keys=("00001",))
    trade.in_shop("DELETE FROM products WHERE sku = '00001'")
    with opening.opened(f"sqlite:///{trade.folder}/ledger.db") as ledger:
        review.retry(ledger, "products", ["00001"])

    again = trade.run(keys=("00001",))

    assert (changed.account.rejected, changed.rejects.reasons[0].reason) == (1, "NaturalKeyChanged")
    assert (again.account.created, again.rejects.open) == (1, 0)
    assert trade.delivered["A-1"] == ("A-1", "1.50")


def test_a_record_without_the_version_that_its_object_declares_is_rejected(trade: Any) -> None:
    mapping = trade.folder / "integration" / "all.yaml"
    text = mapping.read_text(encoding="utf-8")
    mapping.write_text(text.replace("key: [code]}", "key: [code], version: price}"))
    trade.articles = {"1": ("One", "1"), "2": ("Two", "")}

    result = trade.run()

    assert (result.account.created, result.account.rejected) == (1, 1)
    assert result.rejects.reasons[0].reason == "VersionMissing"


def test_a_broken_source_does_not_get_further_with_each_try(trade: Any) -> None:
    trade.run()
    trade.articles = {
        code: ("", price) if int(code) < 40 else (name, "9.99") for code, (name, price) in trade.articles.items()
    }

    for _ in range(2):
        with pytest.raises(RunFailed) as stopped:
            trade.run()
        assert (stopped.value.exit_code, stopped.value.reason) == (65, "TooManyRejects")

    assert not any(price == "9.99" for _, price in trade.delivered.values())
