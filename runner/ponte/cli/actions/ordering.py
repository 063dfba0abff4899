"""What is read, from options that must agree with each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ponte.cli.commands.jobs import Reading, ReadOption
from ponte.errors import UsageError


@dataclass(frozen=True, slots=True)
class ReadChoice:
    """What is read."""

    read: Literal["all", "changes", "keys", "range"] = "all"
    keys: tuple[str, ...] = ()
    lower: str | None = None
    upper: str | None = None


def choose_read(reading: Reading) -> ReadChoice:
    """Settles what is read.

    Raises:
        UsageError: options contradict each other, or one is missing.
    """
    keys, has_bounds = tuple(reading.key or ()), reading.from_ is not None or reading.to is not None
    read = reading.read or (ReadOption.KEYS if keys else ReadOption.RANGE if has_bounds else ReadOption.ALL)
    if (read is ReadOption.KEYS) != bool(keys):
        raise UsageError("--key and --read keys go together: give the keys by --key, and no other --read.")
    if (read is ReadOption.RANGE) != has_bounds:
        raise UsageError("--from, --to and --read range go together: give at least one bound, and no other --read.")
    return ReadChoice(read.value, keys, reading.from_, reading.to)
