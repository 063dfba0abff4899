"""What a person does beside running a job: approve, verify, repair, plan, rebuild."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ponte.engine.plan import FieldChange, PlannedChange
from ponte.errors import ConfigurationError, UsageError
from ponte.runtime import RunRequest


def test_removals_above_the_guard_wait_and_are_done_when_approved(trade: Any) -> None:
    trade.run()
    for code in ("00003", "00004", "00005", "00006", "00007", "00008"):
        del trade.articles[code]

    waiting = trade.run()

    assert (waiting.phase, waiting.account.deleted) == ("AwaitingApproval", 0)
    assert len(trade.delivered) == 100
    done = asyncio.run(trade.runtime.approve("products", waiting.run, "Ada"))
    assert (done.phase, done.account.deleted) == ("Succeeded", 6)
    assert trade.delivered == trade.articles


def test_approval_covers_what_was_listed_and_is_still_true_and_nothing_else(trade: Any) -> None:
    trade.run()
    gone = {code: trade.articles.pop(code) for code in ("00003", "00004", "00005", "00006", "00007", "00008")}
    waiting = trade.run()
    trade.articles["00003"] = gone["00003"]
    for code in ("00050", "00051", "00052", "00053", "00054", "00055"):
        del trade.articles[code]
    trade.export()

    done = asyncio.run(trade.runtime.approve("products", waiting.run, "Ada"))

    assert done.account.deleted == 5
    assert set(trade.delivered) == set(trade.articles) | {f"000{n}" for n in range(50, 56)}


def test_a_run_is_approved_once(trade: Any) -> None:
    trade.run()
    for code in ("00003", "00004", "00005", "00006", "00007", "00008"):
        del trade.articles[code]
    waiting = trade.run()
    asyncio.run(trade.runtime.approve("products", waiting.run, "Ada"))

    with pytest.raises(UsageError, match="waits for approval"):
        asyncio.run(trade.runtime.approve("products", waiting.run, "Ada"))


def test_verify_names_what_somebody_changed_removed_and_added(trade: Any) -> None:
    trade.run()
    trade.in_shop("UPDATE products SET price = 99 WHERE sku = '00001'")
    trade.in_shop("DELETE FROM products WHERE sku = '00002'")
    trade.in_shop("INSERT INTO products VALUES ('X', 'by hand', 1)")

    found = asyncio.run(trade.runtime.verify("products"))

    assert (found.equal, found.different, found.missing, found.extra) == (98, 1, 1, 1)
    assert {(item.verdict, item.natural_key, item.fields) for item in found.differences} == {
        ("different", "5:00001", ("price",)),
        ("missing", "5:00002", ()),
        ("extra", "1:X", ()),
    }


def test_verify_of_equal_sides_finds_nothing(trade: Any) -> None:
    trade.run()

    found = asyncio.run(trade.runtime.verify("products"))

    assert (found.is_aligned, found.equal) == (True, 100)


def test_repair_delivers_what_differs_and_is_missing_and_leaves_what_others_added(trade: Any) -> None:
    trade.run()
    trade.in_shop("UPDATE products SET price = 99 WHERE sku = '00001'")
    trade.in_shop("DELETE FROM products WHERE sku = '00002'")
    trade.in_shop("INSERT INTO products VALUES ('X', 'by hand', 1)")

    asyncio.run(trade.runtime.repair("products"))

    assert trade.delivered == {**trade.articles, "X": ("by hand", "1.00")}


def test_repair_delivers_what_a_plan_and_a_run_leave_alone_as_older(trade: Any) -> None:
    manifests = trade.folder / "integration" / "all.yaml"
    manifests.write_text(manifests.read_text(encoding="utf-8").replace("key: [code]", "key: [code], version: price"))
    trade.articles = {"A": ("Restored", "9"), "B": ("As before", "1")}
    trade.run()
    trade.articles["A"] = ("Restored", "4")
    trade.export()
    plan = asyncio.run(trade.runtime.plan(RunRequest("products")))
    told = trade.run()

    found, repaired = asyncio.run(trade.runtime.repair("products"))

    assert (plan.account.rejected, plan.account.updated) == (1, 0)
    assert (told.phase, [reason.reason for reason in told.rejects.reasons]) == (
        "PartiallySucceeded",
        ["OlderThanDelivered"],
    )
    assert (found.different, found.rejected) == (1, 1)
    assert (repaired.phase, repaired.rejects.open) == ("Succeeded", 0)
    assert trade.delivered == {"A": ("Restored", "4.00"), "B": ("As before", "1.00")}
    assert trade.run().account.unchanged == 2


def test_a_plan_tells_what_a_run_would_do_and_writes_nothing(trade: Any) -> None:
    trade.run()
    trade.articles["00001"] = ("Article 1", "7.00")
    trade.articles["00002"] = ("", "2.50")
    trade.articles["A"] = ("New", "1.00")
    del trade.articles["00009"]
    trade.export()
    before = {path.name: _digest(path) for path in sorted(trade.folder.glob("*.db"))}

    plan = asyncio.run(trade.runtime.plan(RunRequest("products")))

    assert {path.name: _digest(path) for path in sorted(trade.folder.glob("*.db"))} == before
    assert (plan.account.created, plan.account.updated, plan.account.deleted, plan.account.rejected) == (1, 1, 1, 1)
    assert PlannedChange("update", "00001", (FieldChange("price", "1.50", "7.00"),)) in plan.changes
    assert [change.key for change in plan.changes if change.operation == "delete"] == ["00009"]
    created = next(change for change in plan.changes if change.operation == "create")
    assert FieldChange("name", None, "***") in created.fields


def test_after_the_ledger_was_lost_a_rebuilt_one_creates_nothing_twice(trade: Any) -> None:
    trade.run()
    for part in trade.folder.glob("ledger.db*"):
        part.unlink()

    known = asyncio.run(trade.runtime.rebuild("products"))
    again = trade.run()

    assert known == 100
    assert (again.account.created, again.account.updated) == (0, 100)
    assert trade.delivered == trade.articles
    del trade.articles["00001"]
    assert trade.run().account.deleted == 1


def test_a_deactivated_record_that_returns_is_active_again(trade: Any) -> None:
    _deactivating(trade, "  - {to: state, value: active}\n")
    trade.in_shop("ALTER TABLE products ADD COLUMN state TEXT")
    trade.run()
    gone = trade.articles.pop("00007")
    removed = trade.run()
    inactive = trade.in_shop("SELECT sku FROM products WHERE state = 'inactive'")
    trade.articles["00007"] = gone

    trade.run()

    assert (removed.account.deleted, inactive) == (1, [("00007",)])
    assert trade.in_shop("SELECT count(*) FROM products WHERE state = 'active'") == [(100,)]


def test_deactivating_by_a_field_that_nothing_would_undo_is_refused(trade: Any) -> None:
    _deactivating(trade, "")

    with pytest.raises(ConfigurationError) as refused:
        trade.run()

    assert refused.value.reason == "DeactivateUnmapped"


def _deactivating(trade: Any, rule: str) -> None:
    manifests = trade.folder / "integration" / "all.yaml"
    text = manifests.read_text(encoding="utf-8")
    text = text.replace("operations: [create, update, delete]", "operations: [create, update]")
    text = text.replace("policy: delete,", "policy: deactivate, set: [{field: state, value: inactive}],")
    marker = '  - {to: price, from: price, type: "decimal(12,2)"}\n'
    manifests.write_text(text.replace(marker, marker + rule), encoding="utf-8")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_that_all_is_connected_is_told_once_and_before_the_first_record(trade: Any) -> None:
    trade.export()
    told: list[str] = []
    runtime = replace(
        trade.runtime, on_connected=lambda: told.append("connected"), on_progress=lambda _: told.append("progress")
    )

    asyncio.run(runtime.run(RunRequest("products")))

    assert told[0] == "connected"
    assert told.count("connected") == 1
    assert "progress" in told
