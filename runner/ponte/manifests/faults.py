"""What is wrong with a manifest, and where: the file and line that a person has to open."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing to mend.

    Attributes:
        file: path as the user would write it.
        line: line in it, from 1.
        object: kind and name, such as `Mapping product`; empty where a file is not even readable.
        path: where in the object, without `spec`: `fields[3].sql`; empty for the object as a whole.
        message: what is wrong and what to do.
    """

    file: str
    line: int
    object: str
    path: str
    message: str

    def __str__(self) -> str:
        """One line: `integration/products.yaml:14  Mapping product: fields[3].sql: ...`."""
        return f"{self.file}:{self.line}  " + ": ".join(part for part in (self.object, self.path, self.message) if part)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that somebody who wrote this one most likely meant, or None."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    twisted = [candidate for candidate in by_lower if sorted(candidate) == sorted(name.lower())]
    if twisted:
        return by_lower[twisted[0]]
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def suggestion(name: str, known: Iterable[str]) -> str:
    """`Did you mean "products"?`, or what there is to choose from, as the end of a message."""
    names = sorted(set(known))
    if (close := nearest(name, names)) is not None:
        return f'Did you mean "{close}"?'
    if not names:
        return "There is none."
    shown = ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
    return f"There is: {shown}."
