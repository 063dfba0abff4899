"""Keys that no run may stumble over: erased ones, and ones that a ledger could not keep."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ponte.ledger import erasure, opening, runs


def test_an_erased_record_is_left_alone_by_every_later_run(trade: Any) -> None:
    trade.run()
    with opening.opened(f"sqlite:///{trade.folder}/ledger.db") as ledger:
        erasure.erase(ledger, "00007")
    trade.articles["00007"] = ("Another name", "1.00")

    again = trade.run()

    assert (again.phase, again.account.unchanged, again.account.skipped) == ("Succeeded", 99, 1)
    assert again.notes == ["erased on request and left alone: 1"]
    assert trade.delivered["00007"] == ("Article 7", "7.50")


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
