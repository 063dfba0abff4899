"""What to ask the database for one reading: pure decisions about statements, bounds and positions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.dialect import Dialect
from ponte.connectors.relational.encoding import encode
from ponte.connectors.relational.statements import Select, join_keys
from ponte.engine.ports import Read
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec

Statement = tuple[str, tuple[str, ...]]
Position = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Statements to run one after the other, each with its parameters.

    Attributes:
        columns: what each of them gives.
        cursor: field by whose value the records are ordered first; None for none.
        key: fields by which they are ordered; empty where a record has no position.
    """

    columns: tuple[Column, ...]
    statements: tuple[Statement, ...]
    cursor: str | None = None
    key: tuple[str, ...] = ()

    def position(self, frame: pl.DataFrame) -> str | None:
        """Where to go on behind a frame; None where that cannot be said."""
        return position_of(frame, self.cursor, self.key)


@dataclass(frozen=True, slots=True)
class Reading:
    """One object as it is about to be read."""

    dialect: Dialect
    relation: Relation
    spec: ObjectSpec
    columns: tuple[Column, ...]

    def plan(self, read: Read) -> Plan:
        """The plan for a reading. Raises ConfigurationError for fields that are not there or a mode it cannot do."""
        if read.mode == "all":
            return self._all(read)
        if read.mode == "keys":
            return Plan(self.columns, tuple(self._keys(read)))
        if self.spec.cursor is None:
            raise ConfigurationError(
                f"{self.relation.label} has no cursor. Next: declare objects[].cursor to read changes."
            )
        return self._changes(read, self.relation.column(self.spec.cursor.field))

    def _all(self, read: Read) -> Plan:
        key = self._key
        if not key or not self._is_ordered(key):
            return Plan(self.columns, (self._select((), (), ()),))
        after = _position(read.resume)
        where = (self._after(key, 1),) if after else ()
        order = tuple(self._comparable(column) for column in key)
        return Plan(self.columns, (self._select(where, order, _texts(after)),), key=tuple(c.name for c in key))

    def _changes(self, read: Read, cursor: Column) -> Plan:
        key, after = self._key, _position(read.resume)
        statements = (
            [] if read.mode == "range" or (after and after[0] is not None) else [self._unset(cursor, key, after)]
        )
        every = (*statements, self._window(read, cursor, key, after))
        return Plan(self.columns, every, cursor.name, tuple(column.name for column in key))

    def _unset(self, cursor: Column, key: tuple[Column, ...], after: Position) -> Statement:
        where = (f"{self._comparable(cursor)} IS NULL", *((self._after(key, 1),) if after and key else ()))
        return self._select(where, tuple(self._comparable(column) for column in key), _texts(after[1:]))

    def _window(self, read: Read, cursor: Column, key: tuple[Column, ...], after: Position) -> Statement:
        where, parameters = [], []
        for sign, bound in ((">=", read.lower), ("<=", read.upper)):
            if bound is not None:
                parameters.append(bound)
                where.append(f"{self._comparable(cursor)} {sign} {self.dialect.parameter(len(parameters), cursor)}")
        if after and after[0] is not None:
            where.append(self._after((cursor, *key), len(parameters) + 1))
            parameters += _texts(after)
        where.append(f"{self._comparable(cursor)} IS NOT NULL")
        return self._select(tuple(where), tuple(self._comparable(c) for c in (cursor, *key)), tuple(parameters))

    def _keys(self, read: Read) -> Iterator[Statement]:
        if read.keys is None or not self._key:
            raise ConfigurationError(
                f"{self.relation.label} has no key. Next: declare objects[].key to read single records."
            )
        for chunk in read.keys.iter_slices(read.batch_size):
            keys = chunk.select([column.name for column in self._key]).unique()
            yield from (self._joined(rows) for rows in key_rows(self.relation, keys, self._key))

    def _joined(self, rows: str) -> Statement:
        return Select(self.relation, self.columns, join_keys(self.dialect, self._key)).text(self.dialect), (rows,)

    def _select(self, where: tuple[str, ...], order: tuple[str, ...], parameters: tuple[str, ...]) -> Statement:
        return Select(self.relation, self.columns, "", where, order).text(self.dialect), parameters

    def _after(self, columns: tuple[Column, ...], first: int) -> str:
        """What stands behind a position; a record without a key stands behind every position of its cursor."""
        values = [self._exact(column, self.dialect.parameter(first + n, column)) for n, column in enumerate(columns)]
        behind = self.dialect.after([self._comparable(column) for column in columns], values)
        unset = [f"{self._comparable(column)} IS NULL" for column in columns if column.is_nullable]
        return f"({behind}{''.join(f' OR {condition}' for condition in unset)})"

    def _comparable(self, column: Column) -> str:
        """Of a key that no index keeps unique, values that the database takes for the same would hide each other."""
        return self._exact(column, self.dialect.comparable(column, "t"))

    def _exact(self, column: Column, expression: str) -> str:
        is_loose = column in self._key and not self._is_ordered(self._key)
        return self.dialect.exact(column, expression) if is_loose else expression

    def _is_ordered(self, key: tuple[Column, ...]) -> bool:
        return frozenset(column.name for column in key) in self.relation.unique_keys

    @property
    def _key(self) -> tuple[Column, ...]:
        return tuple(self.relation.column(name) for name in self.spec.key)


def position_of(frame: pl.DataFrame, cursor: str | None, key: Sequence[str]) -> str | None:
    """The position behind a frame in the order of a cursor and a key; None where that cannot be said."""
    if not key or frame.is_empty():
        return None
    last = [_text(frame.get_column(name)[-1]) for name in key]
    if None in last:
        return None
    first = [] if cursor is None else [_text(frame.get_column(cursor)[-1])]
    return json.dumps(first + last, ensure_ascii=False)


def plan_reading(dialect: Dialect, relation: Relation, spec: ObjectSpec, read: Read) -> Plan:
    """The plan of a reading. Raises ConfigurationError for fields that are not there."""
    parts = {part.name for part in spec.parts}
    tied = [pair.record for part in spec.parts for pair in part.on]
    wanted = None if read.columns is None else [name for name in read.columns if name not in parts]
    cursor = [spec.cursor.field] if spec.cursor else []
    columns = relation.columns if wanted is None else relation.select([*wanted, *spec.key, *cursor, *tied])
    return Reading(dialect, relation, spec, columns).plan(read)


def key_rows(relation: Relation, keys: pl.DataFrame, columns: Sequence[Column]) -> Iterator[str]:
    """Keys as JSON arrays of [row number, key ...]; those that cannot be of the columns' types are left out.

    Args:
        relation: whose database says how much it takes at once; mostly, one array has them all.
        keys: one column per key column, of the same name.
        columns: of the table, in the order of the keys.

    Raises:
        ConfigurationError: a key is longer than the server takes at once.
    """
    encoded, faulty = encode(keys, [column_of(column) for column in columns])
    texts = encoded.select(_key_text(series) for series in encoded.iter_columns())
    numbered = texts.with_columns(pl.Series("", range(keys.height), dtype=pl.Int64))
    if faulty is not None:
        bad = set(faulty.get_column("row"))
        numbered = numbered.filter(pl.Series([index not in bad for index in range(keys.height)]))
    return _arrays(relation, numbered.drop_nulls().select("", *texts.columns).rows())


def _arrays(relation: Relation, rows: list[tuple[Any, ...]]) -> Iterator[str]:
    """The rows, halved until each array is small enough."""
    text = json.dumps(rows, ensure_ascii=False)
    if relation.keys_size is None or len(text.encode()) <= relation.keys_size:
        yield text
    elif len(rows) > 1:
        yield from _arrays(relation, rows[: len(rows) // 2])
        yield from _arrays(relation, rows[len(rows) // 2 :])
    else:
        raise ConfigurationError(
            f"{relation.label}: a key is longer than the {relation.keys_size} bytes that the server takes at once, so"
            " that its record cannot be looked up. Next: have max_allowed_packet raised, or use a shorter key.",
            reason="TooLong",
        )


def column_of(column: Column) -> Column:
    """The column as a place for keys to look for: nothing is required of them but that the column could hold them."""
    return Column(
        column.name,
        column.kind,
        column.declared,
        column.bits,
        column.precision,
        column.scale,
        is_padded=column.is_padded,
    )


def _key_text(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Binary:
        return values.bin.encode("hex")
    return (values.cast(pl.Int8) if values.dtype == pl.Boolean else values).cast(pl.String)


def _position(resume: str | None) -> Position:
    return () if resume is None else tuple(json.loads(resume))


def _texts(position: Position) -> tuple[str, ...]:
    return tuple(text for text in position if text is not None)


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, date) else str(value)
