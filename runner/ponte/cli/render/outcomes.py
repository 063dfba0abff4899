"""How the tests of Mappings came out: what holds in one line, what does not field by field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ponte.cli.render.text import counted, escape, wrapped

_DIFFERENCE = re.compile(r"; (?=[^\s;]+: (?:expected|no rule) )")


@dataclass(frozen=True, slots=True)
class MappingTestOutcome:
    """One test of a Mapping.

    Attributes:
        name: what the test shows.
        place: file and line, as `integration/products.yaml:48`.
        message: what differs; empty where it holds.
    """

    name: str
    place: str
    message: str

    @property
    def holds(self) -> bool:
        """Whether all is as expected."""
        return not self.message

    @property
    def differences(self) -> list[str]:
        """What differs, one statement each."""
        return _DIFFERENCE.split(self.message) if self.message else []


def outcome_lines(mapping: str, outcomes: Sequence[MappingTestOutcome], *, width: int | None = None) -> list[str]:
    """The lines that `ponte test` prints for one Mapping."""
    failed = [outcome for outcome in outcomes if not outcome.holds]
    if not outcomes:
        return [f"{mapping}: no tests. Next: write some below spec.tests."]
    if not failed:
        return [f"{mapping}: {counted(len(outcomes), 'test')} {'holds' if len(outcomes) == 1 else 'hold'}."]
    lines = [f"{mapping}: {len(failed)} of {counted(len(outcomes), 'test')} {'fails' if len(failed) == 1 else 'fail'}."]
    for outcome in failed:
        lines.append(f"  {escape(outcome.place)}  {escape(outcome.name)}")
        for difference in outcome.differences:
            lines += [f"      {line}" for line in wrapped(difference, indent=6, width=width)]
    return lines
