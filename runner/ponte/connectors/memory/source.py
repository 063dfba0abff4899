"""Reads records in memory, in (cursor, key) order."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from ponte.connectors.memory.store import MemoryObject, Record
from ponte.engine.ports import Batch, Read, ReadMode, SourceCapabilities
from ponte_api.sync_source import ObjectSpec

_TYPES: dict[str, pl.DataType] = {
    "integer": pl.Int64(),
    "float": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "datetime": pl.Datetime("us"),
}


class MemorySource:
    """One object, for reading."""

    def __init__(self, spec: ObjectSpec, records: MemoryObject) -> None:
        self._spec = spec
        self._object = records
        modes: list[ReadMode] = ["all"]
        modes += ["keys"] if spec.key else []
        modes += ["changes", "range"] if spec.cursor else []
        self.capabilities = SourceCapabilities(reads=frozenset(modes), cursor_order=bool(spec.cursor and spec.key))

    async def upper_bound(self) -> str | None:
        """The greatest cursor now."""
        cursors = [record.get(self._cursor) for record in self._object.records.values()] if self._cursor else []
        present = [value for value in cursors if value is not None]
        return _text(max(present, key=_rank)) if present else None

    async def read(self, read: Read) -> AsyncIterator[Batch]:
        """Yields batches of the records as they were when the reading began."""
        records = self._chosen(read)
        behaviour = self._object.behaviour
        limit = behaviour.short_read if read.mode == "all" else None
        announced = len(records) if limit is not None else None
        given = records if limit is None else records[:limit]
        for start in range(0, max(len(given), 1), read.batch_size):
            part = given[start : start + read.batch_size]
            is_last = start + read.batch_size >= len(given) and limit is None
            yield Batch(self._frame(part, read), position=self._position(part), is_last=is_last, announced=announced)
            if behaviour.between_batches is not None:
                behaviour.between_batches(list(self._object.records.values()))

    @property
    def _cursor(self) -> str | None:
        return self._spec.cursor.field if self._spec.cursor else None

    def _chosen(self, read: Read) -> list[Record]:
        records = [dict(record) for record in self._object.records.values()]
        if read.mode == "keys":
            keys = set(read.keys.select(self._spec.key).iter_rows()) if read.keys is not None else set()
            return [record for record in records if tuple(_text(record.get(name)) for name in self._spec.key) in keys]
        if read.mode != "all" and self._cursor:
            records = [record for record in records if _is_within(record.get(self._cursor), read)]
        ordered = sorted(records, key=self._order)
        if read.resume is None:
            return ordered
        after = json.loads(read.resume)
        places = [index for index, record in enumerate(ordered) if self._texts(record) == after]
        return ordered[places[-1] + 1 :] if places else ordered

    def _order(self, record: Record) -> tuple[Any, ...]:
        names = ([self._cursor] if self._cursor else []) + list(self._spec.key)
        return tuple(_rank(record.get(name)) for name in names)

    def _texts(self, record: Record) -> list[str | None]:
        names = ([self._cursor] if self._cursor else []) + list(self._spec.key)
        return [_text(record.get(name)) for name in names]

    def _position(self, part: list[Record]) -> str | None:
        return json.dumps(self._texts(part[-1])) if part and self._spec.key else None

    def _frame(self, part: list[Record], read: Read) -> pl.DataFrame:
        declared = [field.name for field in self._spec.fields]
        names = list(dict.fromkeys([*declared, *(name for record in part for name in record)]))
        wanted = names if read.columns is None else list(read.columns)
        types = {field.name: _dtype(field.type) for field in self._spec.fields}
        return pl.DataFrame(
            [pl.Series(name, [record.get(name) for record in part], dtype=types.get(name)) for name in wanted]
        )


def _dtype(declared: str) -> pl.DataType | None:
    if declared.startswith("decimal("):
        precision, scale = declared.removeprefix("decimal(").removesuffix(")").split(",")
        return pl.Decimal(int(precision), int(scale))
    return None if declared == "json" else _TYPES.get(declared, pl.String())


def _is_within(cursor: object, read: Read) -> bool:
    if cursor is None:
        return read.mode == "changes"
    rank = _rank(cursor)
    above = read.lower is None or rank >= _bound(read.lower, cursor)
    return above and (read.upper is None or rank <= _bound(read.upper, cursor))


def _bound(text: str, like: object) -> tuple[Any, ...]:
    if isinstance(like, datetime):
        return _rank(datetime.fromisoformat(text))
    if isinstance(like, date):
        return _rank(date.fromisoformat(text))
    return _rank(Decimal(text) if isinstance(like, int | Decimal) else text)


def _rank(value: Any) -> tuple[Any, ...]:
    return (0,) if value is None else (1, value)


def _text(value: object) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, date) else str(value)
