"""What a run did, in two or three lines: where every record went, what did not get through, what else matters."""

from __future__ import annotations

from ponte.cli.render.text import count, escape, flow, hanging, seconds
from ponte_api.result import Account, ReasonCount, RejectLevels, RunResult

_MEMBERS = (
    "created", "updated", "unchanged", "skipped", "left", "rejected", "duplicate", "superseded", "conflict", "deferred",
)  # fmt: skip
_MOST_REASONS = 5


def result_lines(result: RunResult, *, skipped_because: str | None = None, width: int | None = None) -> list[str]:
    """The lines that `ponte run` prints.

    Args:
        result: the run as it ended.
        skipped_because: what the Mapping says about records that `where` leaves out, such as "not for the web".
        width: columns of the terminal; None for no limit (one line per statement, for scripts and logs).
    """
    lines = flow(account_parts(result, skipped_because), separator="", indent="   ", width=width)
    lines += reject_lines(result.rejects, result.job, width)
    said = [f"note: {note}" for note in result.notes]
    if result.phase == "AwaitingApproval":
        said.append("The deletes of this run wait for approval: nothing was deleted.")
    return [*lines, *(line for one in said for line in hanging(one, width=width))]


def account_parts(result: RunResult, skipped_because: str | None = None) -> list[str]:
    """`read 50,000 = created 49,962 + skipped 21 (not for the web) + rejected 17   1.8 s`, in pieces.

    What was read a second time, to be sure of it, is told apart: `read 9 + 2 again = …`.
    """
    account = result.account
    terms = [_term(name, result, skipped_because) for name in _MEMBERS if getattr(account, name)]
    again = f" + {count(account.again)} again" if account.again else ""
    parts = [f"read {count(account.read - account.again)}{again}"]
    parts += [f" {'+' if place else '='} {term}" for place, term in enumerate(terms)]
    if not account.is_closed:
        parts.append(f" (the account does not close: {count(_missing(account))} not accounted for)")
    if account.deleted:
        parts.append(f" · deleted {count(account.deleted)}")
    if result.ended_at is not None:
        parts.append(f"   {seconds((result.ended_at - result.started_at).total_seconds())}")
    return parts


def _term(name: str, result: RunResult, skipped_because: str | None) -> str:
    text = f"{name} {count(getattr(result.account, name))}"
    if name == "skipped" and skipped_because:
        return f"{text} ({escape(skipped_because)})"
    new, has_duplicates = result.rejects.new, result.account.duplicate > 0
    if name == "rejected" and new != result.account.rejected and not (new and has_duplicates):
        return f"{text} ({count(new)} new)"  # with duplicates, which are rejects too, it would not say of which
    return text


def _missing(account: Account) -> int:
    accounted: int = sum(getattr(account, name) for name in _MEMBERS)
    return account.read - accounted


def reject_lines(levels: RejectLevels, job: str, width: int | None) -> list[str]:
    """`rejects: 17 new, 17 open · RequiredFieldMissing name ×12 · …      ponte rejects list products`, or nothing.

    Reasons are told where something is new; otherwise they are what they were at the last run.
    """
    if not (levels.new or levels.closed or levels.open):
        return []
    figures = [f"{count(number)} {word}" for number, word in _reject_figures(levels) if number or word == "open"]
    reasons = levels.reasons[:_MOST_REASONS] if levels.new else []
    parts = ["rejects: " + ", ".join(figures), *map(reason_text, reasons)]
    if levels.open:
        lines = flow(parts, indent="   ", width=width)
        hint = f"ponte rejects list {job}"
        return [*lines[:-1], *flow([lines[-1], hint], separator=" " * 6, indent="   ", width=width)]
    return flow(parts, indent="   ", width=width)


def _reject_figures(levels: RejectLevels) -> list[tuple[int, str]]:
    return [(levels.new, "new"), (levels.closed, "closed"), (levels.open, "open")]


def reason_text(reason: ReasonCount) -> str:
    """`RequiredFieldMissing name ×12`."""
    where = f" {escape(reason.field)}" if reason.field else ""
    return f"{escape(reason.reason)}{where} ×{count(reason.count)}"
