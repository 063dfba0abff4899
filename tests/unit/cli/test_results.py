"""The lines that `ponte run` prints; the expected ones stand in the story of the demo."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ponte.cli.render.results import result_lines
from ponte_api.result import Account, ReasonCount, RejectLevels, RunResult

HINT = "      ponte rejects list products"
STARTED = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def result(**members: object) -> RunResult:
    whole: dict[str, object] = {
        "run": "r1",
        "job": "products",
        "action": "sync",
        "read_mode": "all",
        "phase": "Succeeded",
        "reason": "Completed",
        "started_at": STARTED,
    }
    return RunResult(**(whole | members))  # type: ignore[arg-type]  # a builder of test data


FIRST_LOAD = result(
    phase="PartiallySucceeded",
    ended_at=STARTED + timedelta(seconds=1.8),
    account=Account(read=50_000, created=49_962, skipped=21, rejected=17),
    rejects=RejectLevels(
        new=17,
        open=17,
        reasons=[
            ReasonCount(reason="RequiredFieldMissing", field="name", count=12),
            ReasonCount(reason="NotConvertible", field="price", count=5),
        ],
    ),
)


def test_a_first_load_says_where_every_record_went() -> None:
    assert result_lines(FIRST_LOAD, skipped_because="not for the web") == [
        "read 50,000 = created 49,962 + skipped 21 (not for the web) + rejected 17   1.8 s",
        "rejects: 17 new, 17 open · RequiredFieldMissing name ×12 · NotConvertible price ×5" + HINT,
    ]


def test_a_run_with_nothing_to_do_says_that_no_reject_is_new() -> None:
    again = result(
        ended_at=STARTED + timedelta(seconds=0.6),
        account=Account(read=50_000, unchanged=49_962, skipped=21, rejected=17),
        rejects=RejectLevels(open=17),
    )

    assert result_lines(again)[0] == "read 50,000 = unchanged 49,962 + skipped 21 + rejected 17 (0 new)   0.6 s"


def test_closed_rejects_are_told() -> None:
    mended = result(account=Account(read=1, updated=1), rejects=RejectLevels(closed=1, open=17))

    assert result_lines(mended)[1].startswith("rejects: 1 closed, 17 open")


def test_without_rejects_there_is_no_line_about_them() -> None:
    assert result_lines(result(account=Account(read=1, updated=1))) == ["read 1 = updated 1"]


def test_a_reading_of_nothing_is_one_plain_statement() -> None:
    assert result_lines(result()) == ["read 0"]


def test_deletes_are_told_apart_from_what_was_read() -> None:
    assert result_lines(result(account=Account(read=3, unchanged=3, deleted=2))) == ["read 3 = unchanged 3 · deleted 2"]


def test_an_account_that_does_not_close_is_never_hidden() -> None:
    [line] = result_lines(result(account=Account(read=10, created=7)))

    assert line == "read 10 = created 7 (the account does not close: 3 not accounted for)"


def test_no_line_is_wider_than_the_terminal() -> None:
    lines = result_lines(FIRST_LOAD, skipped_because="not for the web", width=60)

    assert max(map(len, lines)) <= 60
    assert "ponte rejects list products" in lines[-1]


def test_at_eighty_columns_what_does_not_fit_goes_to_lines_of_its_own() -> None:
    lines = result_lines(FIRST_LOAD, skipped_because="not for the web", width=80)

    assert lines == [
        "read 50,000 = created 49,962 + skipped 21 (not for the web) + rejected 17",
        "   1.8 s",
        "rejects: 17 new, 17 open · RequiredFieldMissing name ×12",
        "   NotConvertible price ×5      ponte rejects list products",
    ]


def test_notes_are_told_and_their_control_characters_shown() -> None:
    noted = result(notes=["MappingChanged: all records are read\x1b[2J"])

    assert result_lines(noted)[-1] == "note: MappingChanged: all records are read\\x1b[2J"


def test_waiting_for_approval_says_that_nothing_was_deleted() -> None:
    waiting = result(phase="AwaitingApproval", reason="DeleteGuard")

    assert result_lines(waiting)[-1] == "The deletes of this run wait for approval: nothing was deleted."


def test_a_note_is_broken_between_words_and_its_command_stays_whole() -> None:
    note = "20 of 33 records would be removed; the guard allows 5 % or 1. Nothing was removed. Approve with: "
    command = "ponte run products --approve products-20261126014626-ed2130"
    held = result(phase="AwaitingApproval", account=Account(read=13, unchanged=13), notes=[note + command])

    assert result_lines(held, width=80)[1:] == [
        "note: 20 of 33 records would be removed; the guard allows 5 % or 1. Nothing",
        "  was removed. Approve with:",
        f"  {command}",
        "The deletes of this run wait for approval: nothing was deleted.",
    ]
