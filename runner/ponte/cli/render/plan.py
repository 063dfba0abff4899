"""What a run would do: counts, then changes field by field, rejects and deletes."""

from __future__ import annotations

from ponte.cli.render.text import count, counted, escape, fit, pad, table, width_of, wrapped
from ponte.engine.plan import FieldChange, Plan, PlannedChange

_COLUMNS = ("create", "update", "unchanged", "skipped", "left", "reject", "delete")
_ALWAYS = frozenset({"create", "update", "unchanged", "skipped", "reject", "delete"})
_LONGEST_VALUE = 60


def plan_lines(plan: Plan, *, most: int | None, width: int | None = None) -> list[str]:
    """The lines that `ponte plan` prints.

    Args:
        plan: what would be done.
        most: how many changes are shown; None for all.
        width: columns of the terminal, at which values are cut and reasons go on below; None for no limit.
    """
    shown = plan.changes if most is None else plan.changes[:most]
    lines = [*_counts(plan), ""]
    lines += [line for change in shown for line in _change_lines(change, width)]
    hidden = plan.change_count + plan.waiting + plan.account.rejected - len(shown)
    if hidden > 0 and most is not None:
        lines.append(f"… {count(hidden)} more: ponte plan {plan.job} --all")
    for said in (*(f"note: {note}" for note in plan.notes), _last_line(plan)):
        lines += wrapped(said, width=width)
    return lines


def _last_line(plan: Plan) -> str:
    if plan.would_stop:
        made = f": with no limit, {counted(plan.change_count, 'change')} would be made" if plan.change_count else ""
        return f"A run would stop before its end{made}; nothing was written."
    if plan.waiting:
        said = f"{counted(plan.waiting, 'delete')} would wait for approval"
        made = f"{counted(plan.change_count, 'change')} would be made, " if plan.change_count else ""
        return f"{made}{said}; nothing was written."
    if not plan.change_count:
        return "No changes: the target has what it should have, as far as Ponte knows; nothing was written."
    return f"{counted(plan.change_count, 'change')} would be made; nothing was written."


def _counts(plan: Plan) -> list[str]:
    account = plan.account
    numbers = (
        account.created, account.updated, account.unchanged, account.skipped, account.left, account.rejected,
        account.deleted + plan.waiting,
    )  # fmt: skip
    present = [(name, number) for name, number in zip(_COLUMNS, numbers, strict=True) if name in _ALWAYS or number]
    header, figures = ["", *(name for name, _ in present)], [plan.job, *(count(number) for _, number in present)]
    return table([header, figures], right=frozenset(range(1, len(header))))


def _change_lines(change: PlannedChange, width: int | None) -> list[str]:
    head = f"{change.operation} {escape(change.key.replace(chr(9), ' / '))}"
    if width:
        head = fit(head, width // 2)
    if not change.fields:
        told = wrapped(change.note, indent=width_of(head) + 3, width=width)
        return [f"{pad('' if place else head, width_of(head))}   {part}".rstrip() for place, part in enumerate(told)]
    names = max(width_of(escape(field.field)) for field in change.fields)
    values = [
        f"{pad(escape(field.field), names)}   {_value_change(change.operation, field)}" for field in change.fields
    ]
    indent = " " * width_of(head)
    lines = [f"{head if not place else indent}   {value}" for place, value in enumerate(values)]
    return [fit(line, width) for line in lines] if width else lines


def _value_change(operation: str, field: FieldChange) -> str:
    return _value(field.after) if operation == "create" else f"{_value(field.before)} -> {_value(field.after)}"


def _value(value: str | None) -> str:
    if value is None:
        return "(none)"
    text = escape(value) or '""'
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
