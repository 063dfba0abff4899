"""What a run reports: accounts add up, and the short form fits a termination message without losing a count."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ponte_api.result import Account, ReasonCount, RejectLevels, RunError, RunResult
from ponte_api.sync_run import SyncRunStatus


def made(model, **members):
    """Models of these members; hypothesis' own `builds` would take their aliases for further arguments."""
    return st.fixed_dictionaries(members).map(lambda values: model(**values))


counts = st.integers(0, 2**63)
accounts = made(Account, **dict.fromkeys(Account.model_fields, counts))
words = st.text(max_size=40)
long_texts = st.one_of(words, st.text(min_size=1, max_size=3).map(lambda text: text * 3000))
reasons = made(ReasonCount, reason=words, field=st.none() | long_texts, count=counts)
results = made(
    RunResult,
    run=st.text(max_size=128),
    sequence=counts,
    job=st.text(max_size=128),
    action=st.text(max_size=32),
    read_mode=st.text(max_size=32),
    phase=st.sampled_from(["Running", "Succeeded", "Failed"]),
    reason=st.text(max_size=64),
    started_at=st.just(datetime(2026, 11, 23, 20, 0, tzinfo=UTC)),
    ended_at=st.none() | st.just(datetime(2026, 11, 23, 20, 5, tzinfo=UTC)),
    account=accounts,
    rejects=made(RejectLevels, new=counts, closed=counts, open=counts, reasons=st.lists(reasons, max_size=30)),
    watermark=st.none() | long_texts,
    notes=st.lists(long_texts, max_size=20),
    error=st.none() | made(RunError, reason=words, message=long_texts, exit_code=st.integers(0, 255)),
)


@given(results)
def test_the_short_form_fits_and_keeps_every_count(result):
    short = result.short()

    assert len(short.encode()) <= 4096
    read = RunResult.model_validate_json(short)
    assert read.account == result.account
    levels = ("new", "closed", "open")
    assert [getattr(read.rejects, level) for level in levels] == [getattr(result.rejects, level) for level in levels]
    kept = ("run", "job", "sequence", "phase", "reason", "started_at", "ended_at")
    assert [getattr(read, name) for name in kept] == [getattr(result, name) for name in kept]
    assert (read.error and (read.error.reason, read.error.exit_code)) == (
        result.error and (result.error.reason, result.error.exit_code)
    )


@given(results)
def test_what_fits_is_not_shortened(result):
    whole = result.model_dump_json(by_alias=True, exclude_defaults=True)
    if len(whole.encode()) <= 4096:
        assert json.loads(result.short()) == json.loads(whole)


def test_the_worst_identities_still_fit():
    worst = "\x00" * 128
    result = RunResult(
        run=worst, job=worst, action=worst[:32], read_mode=worst[:32], phase="Failed", reason=worst[:64],
        started_at=datetime(2026, 11, 23, tzinfo=UTC), watermark="€" * 9000,
        account=Account(**dict.fromkeys(Account.model_fields, 2**63)),
        error=RunError(reason=worst[:64], message="\x00" * 9000, exit_code=70),
    )  # fmt: skip
    assert len(result.short().encode()) <= 4096


def test_reasons_go_before_notes_and_notes_before_the_error():
    many = [ReasonCount(reason="NotConvertible", field=f"field{number}", count=1) for number in range(200)]
    result = RunResult(
        run="r", job="j", action="sync", read_mode="all", phase="Failed", reason="Failed",
        started_at=datetime(2026, 11, 23, tzinfo=UTC), rejects=RejectLevels(open=200, reasons=many),
        notes=["MappingChanged"], error=RunError(reason="Unavailable", message="the shop is away", exit_code=75),
    )  # fmt: skip
    read = RunResult.model_validate_json(result.short())
    assert 0 < len(read.rejects.reasons) < 200
    assert read.rejects.reasons == many[: len(read.rejects.reasons)]
    assert (read.notes, read.error) == (result.notes, result.error)


@given(accounts, accounts)
def test_accounts_add_up_member_by_member(one, other):
    total = one + other
    for name in Account.model_fields:
        assert getattr(total, name) == getattr(one, name) + getattr(other, name)


PARTS = [name for name in Account.model_fields if name not in {"read", "again", "deleted"}]


@given(st.fixed_dictionaries(dict.fromkeys(PARTS, counts)), counts)
def test_an_account_is_closed_exactly_when_all_that_was_read_went_somewhere(parts, deleted):
    read = sum(parts.values())
    assert Account(read=read, deleted=deleted, **parts).is_closed
    assert not Account(read=read + 1, deleted=deleted, **parts).is_closed


@given(st.fixed_dictionaries(dict.fromkeys(PARTS, counts)), st.fixed_dictionaries(dict.fromkeys(PARTS, counts)))
def test_closed_accounts_add_up_to_a_closed_one(one, other):
    closed = [Account(read=sum(parts.values()), **parts) for parts in (one, other)]
    assert (closed[0] + closed[1]).is_closed


def test_a_status_carries_levels_and_top_reasons_only():
    many = [ReasonCount(reason="NotConvertible", field="f", count=1)] * 9
    result = RunResult(
        run="r", job="j", action="sync", read_mode="all", phase="Failed", reason="Unavailable",
        started_at=datetime(2026, 11, 23, tzinfo=UTC),
        account=Account(read=6, created=1, updated=2, rejected=3, deleted=4),
        rejects=RejectLevels(new=3, open=9, reasons=many),
        error=RunError(reason="Unavailable", message="x" * 5000, exit_code=75),
    )  # fmt: skip
    status = SyncRunStatus.of(result)
    assert (status.written, status.new_rejects, status.open_rejects, len(status.reasons)) == (7, 3, 9, 5)
    assert len(status.message) == 1024


def plain_result(message: str, notes: list[str]) -> RunResult:
    return RunResult(
        run="r", job="j", action="sync", read_mode="all", phase="Failed", reason="Failed",
        started_at=datetime(2026, 11, 23, tzinfo=UTC), notes=notes,
        error=RunError(reason="Unavailable", message=message, exit_code=75),
    )  # fmt: skip


def test_no_more_notes_go_than_must():
    notes = [f"note {number} {'x' * 90}" for number in range(60)]
    kept = RunResult.model_validate_json(plain_result("away", notes).short()).notes
    assert kept == notes[: len(kept)]
    assert len(RunResult.model_validate_json(plain_result("away", kept).short()).notes) == len(kept)
    assert (
        len(plain_result("away", notes[: len(kept) + 1]).model_dump_json(by_alias=True, exclude_defaults=True)) > 4096
    )


def test_4096_bytes_fit_and_4097_do_not():
    rest = len(plain_result("", []).short().encode())
    fitting, too_long = "x" * (4096 - rest), "x" * (4097 - rest)
    assert len(plain_result(fitting, []).short().encode()) == 4096
    assert RunResult.model_validate_json(plain_result(too_long, []).short()).error.message == "x" * (len(too_long) // 2)
