"""What a format that can be written gives: records as it has them, a check of each, and the whole file.

The port between `state`, which merges records and replaces files, and the formats (see `formats`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import polars as pl

Record = dict[str, Any]
Key = tuple[Any, ...]


@dataclass(slots=True)
class State:
    """Records of a file in their order.

    Attributes:
        names: fields in the order of the file, where it has one.
        records: each with the values as the format has them: text or null (CSV), decoded JSON (JSON Lines).
    """

    names: list[str]
    records: list[Record]

    def places(self, key: Sequence[str]) -> dict[Key, list[int]]:
        """Where the records of each key stand."""
        found: dict[Key, list[int]] = {}
        for place, record in enumerate(self.records):
            found.setdefault(tuple(record.get(name) for name in key), []).append(place)
        return found


class Writer(Protocol):
    """How one object's file is written in its format."""

    def held(self, frame: pl.DataFrame) -> list[Record]:
        """Records read from the file itself, as `values` gives those that are delivered."""
        ...

    def values(self, frame: pl.DataFrame, json_fields: frozenset[str]) -> list[Record]:
        """Delivered records as this format has them.

        Args:
            frame: the records.
            json_fields: String columns that hold JSON text.

        Raises:
            ConfigurationError: the format has no way to hold such columns.
        """
        ...

    def check(self, record: Record, names: Sequence[str]) -> None:
        """Raises ValueError where the format or its encoding cannot express the record."""
        ...

    def write(self, state: State, stream: BinaryIO) -> None:
        """Writes the whole file; the stream is a new file, open for writing, which then takes the place of the old."""
        ...
