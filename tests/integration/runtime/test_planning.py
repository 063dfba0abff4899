"""Deletes above the guard: a plan counts and shows them, and offers no run that waits; an approval is quiet."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ponte.cli.main import run_program
from ponte.runtime import RunRequest


def test_deletes_above_the_guard_are_in_the_plan(trade: Any) -> None:
    trade.run()
    for code in ("00003", "00004", "00005", "00006", "00007", "00008"):
        del trade.articles[code]
    trade.export()

    plan = asyncio.run(trade.runtime.plan(RunRequest("products")))

    assert (plan.waiting, plan.change_count, plan.account.deleted) == (6, 0, 0)
    assert [(change.operation, change.key) for change in plan.changes] == [
        ("delete", f"0000{number}") for number in range(3, 9)
    ]
    assert plan.changes[0].note == ("vanished from the source; guard: 6 of 100 (6.0 %), limit 5 %: needs approval")
    assert not any("--approve" in note for note in plan.notes)


def test_deletes_that_would_wait_are_changes_for_scripts(
    trade: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trade.run()
    for code in ("00003", "00004", "00005", "00006", "00007", "00008"):
        del trade.articles[code]
    trade.export()
    monkeypatch.chdir(trade.folder)

    code = run_program(["plan", "products", "--exit-code", "--ledger", f"sqlite:///{trade.folder}/ledger.db"])

    assert code == 2
    assert capsys.readouterr().out.splitlines()[-1] == "6 deletes would wait for approval; nothing was written."


def test_that_approved_records_are_not_in_the_source_is_no_news(trade: Any) -> None:
    trade.run()
    for code in ("00003", "00004", "00005", "00006", "00007", "00008"):
        del trade.articles[code]
    waiting = trade.run()

    done = asyncio.run(trade.runtime.approve("products", waiting.run, "Ada"))

    assert (done.account.deleted, done.notes) == (6, [])
