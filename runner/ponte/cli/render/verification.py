"""What a comparison of both sides found: counts, then each record that is not the same."""

from __future__ import annotations

from ponte.cli.render.text import count, counted, escape, flow, hanging, table
from ponte.engine.canonical import split_key
from ponte.engine.verify import Difference, Verification

_VERDICTS = ("equal", "different", "missing", "extra", "duplicate", "unknown")
_ALWAYS = frozenset({"equal", "different", "missing", "extra", "unknown"})


def verification_lines(found: Verification, *, most: int | None, width: int | None = None) -> list[str]:
    """The lines that `ponte verify` prints; `most` is how many differences are shown, None for all that were named."""
    said = [_aligned(found)] if found.is_aligned else _next_steps(found)
    return [*found_lines(found, most=most, width=width), *(line for one in said for line in hanging(one, width=width))]


def found_lines(found: Verification, *, most: int | None, width: int | None = None) -> list[str]:
    """The same without what to do about it: what a repair shows before it does it."""
    counts = [f"{verdict} {count(number)}" for verdict, number in _numbers(found) if verdict in _ALWAYS or number]
    lines = flow([f"{found.job}: {counts[0]}", *counts[1:]], indent="   ", width=width)
    shown = found.differences if most is None else found.differences[:most]
    lines += table([_row(difference) for difference in shown], width=width)
    total = found.different + found.missing + found.extra + found.duplicate
    if (hidden := total - len(shown)) > 0:
        lines.append(f"… {count(hidden)} more" + (f": ponte verify {found.job} --all" if most is not None else ""))
    return lines


def _aligned(found: Verification) -> str:
    if not found.unknown:
        return "Both sides hold the same."
    return f"What could be compared is the same on both sides; {_not_compared(found)} be: {_listed(found)}"


def _not_compared(found: Verification) -> str:
    return f"{counted(found.unknown, 'record')} could not"


def _listed(found: Verification) -> str:
    return f"ponte rejects list {found.job}"


def _numbers(found: Verification) -> list[tuple[str, int]]:
    return [(verdict, getattr(found, verdict)) for verdict in _VERDICTS]


def _next_steps(found: Verification) -> list[str]:
    lines = []
    if found.unknown:
        lines.append(f"{_not_compared(found)} be compared: {_listed(found)}")
    wanting = found.different + found.missing
    if found.rejected:
        are = "is an open reject" if found.rejected == 1 else "are open rejects"
        lines.append(f"{count(found.rejected)} of them {are}: ponte rejects list {found.job}")
    if wanting > found.rejected:
        lines.append(f"Next: ponte verify {found.job} --repair delivers what differs or is missing.")
    if not wanting:
        lines.append("What is extra or there several times is left alone: Ponte removes only what it delivered.")
    return lines


def shown_key(canonical: str) -> str:
    """A canonical key as people write it; fields of a key of several stand apart."""
    return escape(" / ".join(split_key(canonical)))


def _row(difference: Difference) -> tuple[str, ...]:
    return (difference.verdict, shown_key(difference.natural_key), escape(", ".join(difference.fields)))
