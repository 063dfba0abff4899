"""Rejects, runs and plans as people see them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from ponte.cli.render.plan import plan_lines
from ponte.cli.render.rejects import reject_details, reject_document, reject_table
from ponte.cli.render.runs import run_table
from ponte.engine.plan import FieldChange, Plan, PlannedChange
from ponte.ledger.review import Fault, StoredReject
from ponte_api.result import Account, RejectLevels, RunError, RunResult

WHEN = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def reject(key: str = "0007741", *faults: Fault) -> StoredReject:
    some = faults or (Fault("name", "RequiredFieldMissing", "is required and empty (ARTDES)"),)
    return StoredReject(key, "map", some, "open", WHEN, WHEN + timedelta(days=2), "first", "last", 3)


def test_rejects_are_listed_with_what_to_do_next() -> None:
    fault = Fault("price", "NotConvertible", '"12,5O" is not a number (PREZZO)')
    bad_price = StoredReject("0008120", "map", (fault,), "open", WHEN, WHEN, "first", "first", 1)

    assert reject_table([reject(), bad_price], job="products", open_count=2) == [
        "KEY      FIELD  REASON                SINCE             TIMES  MESSAGE",
        "0007741  name   RequiredFieldMissing  2026-11-21 02:00      3  is required and empty (ARTDES)",
        '0008120  price  NotConvertible        2026-11-21 02:00      1  "12,5O" is not a number (PREZZO)',
        "",
        "2 open rejects of products. They are tried again at every run, at once with: ponte rejects retry products",
    ]


def test_a_shortened_list_says_so() -> None:
    assert (
        "17 open rejects of products, 1 of them shown: --limit 17."
        in reject_table([reject()], job="products", open_count=17)[-1]
    )


@pytest.mark.parametrize(
    ("reason", "state"), [("NaturalKeyChanged", "open"), ("UnknownOutcome", "ambiguous")], ids=["renamed", "ambiguous"]
)
def test_what_only_a_retry_by_key_brings_on_is_told_with_its_key(reason: str, state: str) -> None:
    stuck = StoredReject("a 7", "deliver", (Fault("sku", reason, "m"),), state, WHEN, WHEN, "first", "first", 1)

    told = reject_table([reject(), stuck], job="products", open_count=2)[-1]

    assert told.startswith("1 reject ")
    assert told.endswith(": ponte rejects retry products 'a 7'")
    assert not any("'a 7'" in line for line in reject_table([reject()], job="products", open_count=1))
    assert reject_table([reject(), stuck], job="products", open_count=2)[-2].startswith(
        "2 open rejects of products. The other is tried again at every run"
    )
    assert reject_table([stuck], job="products", open_count=1)[-2] == "1 open reject of products."


def test_no_rejects_are_good_news() -> None:
    assert reject_table([], job="products", open_count=0) == ["products: no open rejects."]


def test_at_eighty_columns_the_message_matters_more_than_since_when() -> None:
    assert reject_table([reject()], job="products", open_count=1, width=80) == [
        "KEY      FIELD  REASON                MESSAGE",
        "0007741  name   RequiredFieldMissing  is required and empty (ARTDES)",
        "",
        "1 open reject of products. It is tried again at every run, at once with:",
        "ponte rejects retry products",
    ]


@pytest.mark.parametrize("width", [80, 160])
def test_a_long_key_leaves_room_for_the_reason(width: int) -> None:
    table = reject_table([reject("K" * 150)], job="products", open_count=1, width=width)

    assert max(map(len, table)) <= width
    assert "RequiredFieldMissing" in table[1]
    assert "is required and empty (ARTDES)" in " ".join(" ".join(table).split())


def test_data_cannot_control_the_terminal() -> None:
    evil = reject("\x1b[2J", Fault("na\x07me", "NotConvertible", "\x1b]0;title\x07"))

    assert "\x1b" not in "".join(reject_table([evil], job="products", open_count=1))
    assert "\x1b" not in "".join(reject_details(evil, job="products"))


def test_one_reject_shows_all_its_faults() -> None:
    both = reject(
        "0007741",
        Fault("name", "RequiredFieldMissing", "is required and empty (ARTDES)"),
        Fault("price", "NotConvertible", '"12,5O" is not a number (PREZZO)'),
    )

    assert reject_details(both, job="products") == [
        'products "0007741", stage map: open',
        "  name   RequiredFieldMissing  is required and empty (ARTDES)",
        '  price  NotConvertible        "12,5O" is not a number (PREZZO)',
        "  first seen 2026-11-21 02:00, last 2026-11-23 02:00, tried 3 times",
    ]


def test_a_key_of_several_fields_is_shown_apart_and_given_as_a_list() -> None:
    several = reject("10\tA")

    assert reject_details(several, job="lines")[0] == 'lines "10 / A", stage map: open'
    assert reject_document(several)["key"] == ["10", "A"]


def test_runs_are_listed_newest_first_with_why_they_failed() -> None:
    done = RunResult(
        run="a", job="products", action="sync", read_mode="all", phase="PartiallySucceeded", reason="Completed",
        started_at=WHEN, ended_at=WHEN + timedelta(seconds=1.8),
        account=Account(read=50_000, created=49_962, rejected=38),
        rejects=RejectLevels(new=17, open=17),
    )  # fmt: skip
    failed = RunResult(
        run="b", job="stock", action="sync", read_mode="changes", phase="Failed", reason="CredentialsRefused",
        started_at=WHEN,
        error=RunError(reason="CredentialsRefused", message="erp: cannot log in\nNext: ...", exit_code=78),
    )  # fmt: skip

    lines = run_table([failed, done])

    assert lines[0].split() == ["STARTED", "JOB", "ACTION", "PHASE", "READ", "WRITTEN", "REJECTS", "DURATION", "WHY"]
    assert lines[1].endswith("erp: cannot log in")
    assert lines[2].split()[-4:] == ["49,962", "17", "1.8", "s"]
    assert run_table([failed, done], width=80) == [
        "STARTED           JOB       PHASE                 READ  WRITTEN  REJECTS",
        "2026-11-21 02:00  stock     Failed                   0        0        0",
        "    erp: cannot log in",
        "2026-11-21 02:00  products  PartiallySucceeded  50,000   49,962       17",
    ]


def test_a_run_is_listed_with_what_it_read_once_as_its_own_account_says() -> None:
    again = RunResult(
        run="a", job="products", action="sync", read_mode="all", phase="Succeeded", reason="Completed",
        started_at=WHEN, account=Account(read=8, again=2, created=6, superseded=2),
    )  # fmt: skip

    assert run_table([again], width=80)[1].split()[-3:] == ["6", "6", "0"]


def test_a_run_whose_deletes_wait_says_how_they_are_approved() -> None:
    held = RunResult(
        run="products-1", job="products", action="sync", read_mode="all", phase="AwaitingApproval",
        reason="AwaitingApproval", started_at=WHEN,
    )  # fmt: skip

    assert run_table([held])[1].endswith("deletes wait: ponte run products --approve products-1")


def test_without_runs_the_next_step_is_named() -> None:
    assert run_table([]) == ["No runs yet. Next: ponte run JOB"]


PLAN = Plan(
    "products",
    Account(read=50_000, created=12, updated=400, unchanged=49_550, skipped=21, rejected=17, deleted=2),
    [
        PlannedChange("update", "0000042", (FieldChange("price", "12.50", "12.90"), FieldChange("stock", "7", "3"))),
        PlannedChange("delete", "0009917", note="vanished from the source"),
        PlannedChange("reject", "0007741", note="name   RequiredFieldMissing: ARTDES is empty"),
    ],
)


def test_a_plan_shows_counts_and_the_first_changes_field_by_field() -> None:
    assert plan_lines(PLAN, most=10) == [
        "          create  update  unchanged  skipped  reject  delete",
        "products      12     400     49,550       21      17       2",
        "",
        "update 0000042   price   12.50 -> 12.90",
        "                 stock   7 -> 3",
        "delete 0009917   vanished from the source",
        "reject 0007741   name   RequiredFieldMissing: ARTDES is empty",
        "… 428 more: ponte plan products --all",
        "414 changes would be made; nothing was written.",
    ]


def test_a_plan_without_changes_says_so() -> None:
    nothing = Plan("products", Account(read=2, unchanged=2), [])

    assert plan_lines(nothing, most=10)[-1].startswith("No changes")
    narrow = plan_lines(nothing, most=10, width=80)
    assert max(map(len, narrow)) <= 80
    assert " ".join(narrow).endswith(plan_lines(nothing, most=10)[-1])


def test_deletes_that_would_wait_for_approval_are_counted_and_named_as_such() -> None:
    note = "vanished from the source; guard: 7 of 19 (36.8 %), limit 5 %: needs approval"
    waiting = Plan("products", Account(read=12, unchanged=12), [PlannedChange("delete", "7", note=note)], waiting=7)

    assert plan_lines(waiting, most=10) == [
        "          create  update  unchanged  skipped  reject  delete",
        "products       0       0         12        0       0       7",
        "",
        f"delete 7   {note}",
        "… 6 more: ponte plan products --all",
        "7 deletes would wait for approval; nothing was written.",
    ]


def test_why_something_would_be_done_is_told_to_its_end_on_any_terminal() -> None:
    note = "vanished from the source; guard: 7 of 19 (36.8 %), limit 5 %: needs approval"
    waiting = Plan("products", Account(read=12), [PlannedChange("delete", "0000007", note=note)], waiting=7)

    assert plan_lines(waiting, most=10, width=80)[3:5] == [
        "delete 0000007   vanished from the source; guard: 7 of 19 (36.8 %), limit 5 %:",
        "                 needs approval",
    ]


def test_a_create_shows_what_would_be_created_and_no_value_is_told_from_empty_text() -> None:
    new = Plan(
        "products",
        Account(read=1, created=1),
        [PlannedChange("create", "1", (FieldChange("name", None, ""), FieldChange("ean", None, None)))],
    )

    assert plan_lines(new, most=None)[3:5] == ['create 1   name   ""', "           ean    (none)"]


def test_long_values_are_cut() -> None:
    long = Plan("p", Account(read=1, updated=1), [PlannedChange("update", "1", (FieldChange("n", "x" * 500, "y"),))])

    assert max(map(len, plan_lines(long, most=None))) < 120
