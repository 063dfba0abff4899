"""Plans at limits: deletes above the guard are shown and offer no run that waits; no number of rejects stops a plan."""

from __future__ import annotations

import asyncio
import json
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


def test_above_the_reject_limit_a_plan_goes_on_and_says_where_a_run_would_stop(
    trade: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(30):
        trade.articles[f"{number:05d}"] = ("", "1.00")
    trade.export()
    monkeypatch.chdir(trade.folder)
    ledger = ["--ledger", f"sqlite:///{trade.folder}/ledger.db"]

    code = run_program(["plan", "products", *ledger])

    lines = capsys.readouterr().out.splitlines()
    stop = "a run would stop (exit 65): 30 rejects in the first 100 records, and rejects.maxPercent is 10"
    assert code == 0
    assert lines[1].split() == ["products", "70", "0", "0", "0", "30", "0"]
    assert lines[-3:] == [
        "… 90 more: ponte plan products --all",
        f"note: {stop}. Mend the rejects first",
        "A run would stop before its end: with no limit, 70 changes would be made; nothing was written.",
    ]
    assert run_program(["run", "products", *ledger]) == 65


def test_rejects_that_are_known_would_stop_no_run(trade: Any) -> None:
    trade.run()
    for number in range(9):
        trade.articles[f"{number:05d}"] = ("", "1.00")
    trade.run()
    for number in range(9, 18):
        trade.articles[f"{number:05d}"] = ("", "1.00")
    trade.export()

    plan = asyncio.run(trade.runtime.plan(RunRequest("products")))

    assert (plan.account.rejected, plan.would_stop, plan.notes) == (18, False, [])


def test_a_plan_for_scripts_says_that_a_run_would_stop(
    trade: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trade.articles = dict.fromkeys(trade.articles, ("", "1.00"))
    trade.export()
    monkeypatch.chdir(trade.folder)

    code = run_program(["plan", "products", "-o", "json", "--ledger", f"sqlite:///{trade.folder}/ledger.db"])

    told = json.loads(capsys.readouterr().out)
    assert (code, told["wouldStop"], told["account"]["rejected"]) == (0, True, 100)
    assert [change["operation"] for change in told["changes"]] == ["reject"] * 10
