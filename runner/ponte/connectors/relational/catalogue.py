"""What a database says about its tables: columns, types, unique keys; and the nearest name for one that is not there.

Every identifier that goes into a statement comes from here, quoted, never from a SyncSource or a record.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import polars as pl

from ponte.errors import ConfigurationError

Kind = Literal[
    "string", "integer", "float", "decimal", "boolean", "date", "datetime", "datetimetz", "json", "binary", "other"
]


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: as the catalogue has it.
        kind: what its values are.
        declared: its type as the database writes it, without length and precision; what text is cast to.
        bits: of an integer.
        precision, scale: of a decimal; None where it has none. The scale of a time is how many digits of a second's
            fraction it keeps; None for all of a microsecond.
        digits: most significant digits of a fraction that it keeps; None for any.
        length: most characters of a string; None for any.
        size: most bytes, in UTF-8 where it is a text; None for any, or where the database itself refuses more.
        collation: by which its texts are compared, where the database may take different ones for the same.
        is_padded: whether blanks at the end of its texts are lost.
        has_empty: whether it keeps an empty text apart from no value, which Oracle does not.
        has_digits: whether it keeps the digits of a text, which SQLite does not where it does not know the type.
        is_nullable: whether it may be empty.
        is_filled: whether the database fills it when it is left out (default, identity, generated).
        is_writable: False for generated columns.
    """

    name: str
    kind: Kind
    declared: str
    bits: int = 64
    precision: int | None = None
    scale: int | None = None
    digits: int | None = None
    length: int | None = None
    size: int | None = None
    collation: str | None = None
    is_padded: bool = False
    has_empty: bool = True
    has_digits: bool = True
    is_nullable: bool = True
    is_filled: bool = False
    is_writable: bool = True

    @property
    def dtype(self) -> pl.DataType | None:
        """The Polars type of its values; None where it has to be seen (decimals without a declared scale)."""
        if self.kind == "decimal":
            known = self.precision is not None and self.scale is not None and self.precision <= 38
            return pl.Decimal(self.precision, self.scale or 0) if known else None
        if self.kind == "integer":
            return {16: pl.Int16(), 32: pl.Int32()}.get(self.bits, pl.Int64())
        return _DTYPES.get(self.kind, pl.String())

    @property
    def holds_times(self) -> bool:
        """Whether its values are dates or times; SQLite, which has no such type, declares them all the same."""
        return self.kind in {"date", "datetime", "datetimetz"} or "DATE" in self.declared or "TIME" in self.declared

    @property
    def type(self) -> str:
        """Its type as `objects[].fields` writes it."""
        if self.kind == "decimal":
            return f"decimal({self.precision or 38},{self.scale or 0})" if self.dtype is not None else "string"
        return {"datetimetz": "datetime", "binary": "string", "other": "string"}.get(self.kind, self.kind)


_DTYPES: dict[str, pl.DataType] = {
    "float": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "datetime": pl.Datetime("us"),
    "datetimetz": pl.Datetime("us", "UTC"),
    "binary": pl.Binary(),
}


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, a view or a query.

    Attributes:
        sql: what stands behind FROM, quoted.
        label: how messages call it.
        columns: in the catalogue's order.
        unique_keys: column sets that hold each combination once.
        is_transactional: whether what is written to it can be undone.
        row_size: most bytes that the texts and bytes of one row may have together, because the server takes no more at
            once; None for any.
        keys_size: most bytes of a list of keys that the server takes at once; None for any.
        path: schema and name of a plain table, into which rows can go without a statement; empty for all else.
    """

    sql: str
    label: str
    columns: tuple[Column, ...]
    unique_keys: tuple[frozenset[str], ...] = ()
    is_transactional: bool = True
    row_size: int | None = None
    keys_size: int | None = None
    path: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As the SyncSource calls it."""
        return self.label.rpartition(": ")[2]

    def column(self, name: str) -> Column:
        """The column of that name. Raises ConfigurationError with the nearest name where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        names = [column.name for column in self.columns]
        raise ConfigurationError(
            f"{self.label} has no column {name!r}.{did_you_mean(name, names)}", reason="FieldMissing"
        )

    def select(self, names: Iterable[str]) -> tuple[Column, ...]:
        """The columns of these names, in the catalogue's order. Raises ConfigurationError for one that is missing."""
        wanted = {self.column(name).name for name in names}
        return tuple(column for column in self.columns if column.name in wanted)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about a name that is not there: the nearest known one, or all when they are few."""
    names = list(known)
    folded = {candidate.casefold(): candidate for candidate in names}
    near = difflib.get_close_matches(name.casefold(), list(folded), n=1)
    if near:
        return f" Did you mean {folded[near[0]]!r}?"
    if names:
        return f" It has: {', '.join(sorted(names)[:20])}. Next: write one of these."
    return " It has none that this user sees. Next: correct the name, or let the user see it."
