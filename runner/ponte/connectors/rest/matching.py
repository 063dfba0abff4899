"""Which answer of a bulk request belongs to which record: by position or by key, and never by a guess."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ponte.connectors.rest.answers import MISSING, take_text
from ponte_api.rest_writes import BulkMatch


@dataclass(frozen=True, slots=True)
class Matched:
    """The answers in the order of the records.

    Attributes:
        answers: one for each record; MISSING where none can be attributed.
        why: words for those that are missing.
    """

    answers: Sequence[Any]
    why: str


def match_by_position(answers: Any, count: int) -> Matched:
    """The n-th answer is the n-th record's, if there are as many; otherwise nobody's."""
    if isinstance(answers, list) and len(answers) == count:
        return Matched(answers, "")
    found = f"{len(answers)} answers" if isinstance(answers, list) else "no list of answers"
    return Matched([MISSING] * count, f"{found} to {count} records; which is whose cannot be known")


def match_by_key(answers: Any, keys: Sequence[str | None], match: BulkMatch) -> Matched:
    """An answer is the record's whose key it names, if it alone names it, and if no other record has that key."""
    if not isinstance(answers, list):
        return match_by_position(answers, len(keys))
    named: defaultdict[str | None, list[Any]] = defaultdict(list)
    for answer in answers:
        named[take_text(answer, match.answer)].append(answer)
    places: defaultdict[str | None, int] = defaultdict(int)
    for key in keys:
        places[key] += 1
    why = (
        f"of {len(answers)} answers to {len(keys)} records none, or more than one, names this record at {match.answer}"
    )
    return Matched([_single(named, places, key) for key in keys], why)


def _single(named: dict[str | None, list[Any]], places: dict[str | None, int], key: str | None) -> Any:
    is_clear = key is not None and places[key] == 1 and len(named.get(key, ())) == 1
    return named[key][0] if is_clear else MISSING
