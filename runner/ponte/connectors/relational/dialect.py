"""How databases differ in writing SQL: what a dialect decides, and the styles that several of them share. Pure text.

A dialect is made of styles: `class MyDialect(Standard, OnConflict)`. What is the same everywhere is in `statements`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ponte.connectors.relational.catalogue import Column, Relation


@dataclass(frozen=True, slots=True)
class Stage:
    """A temporary table that carries a chunk to the database: `ponte_row` and some columns of a table.

    Attributes:
        sql: its quoted name.
        columns: the columns of the table that it carries; decimals and what is no plain type travel as text.
    """

    sql: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """Staged rows (`s`) that are brought into a table (`t`) by a key that a unique index holds.

    Attributes:
        key: names of the key's columns.
        omit_null: columns that keep what they hold where the staged row has no value.
    """

    table: Relation
    stage: Stage
    key: tuple[str, ...]
    omit_null: frozenset[str] = frozenset()

    @property
    def keys(self) -> tuple[Column, ...]:
        """The staged columns of the key."""
        return tuple(column for column in self.stage.columns if column.name in self.key)

    @property
    def content(self) -> tuple[Column, ...]:
        """The other staged columns."""
        return tuple(column for column in self.stage.columns if column.name not in self.key)


@dataclass(frozen=True, slots=True)
class Span:
    """The staged rows numbered first to end - 1."""

    first: int
    end: int

    @property
    def condition(self) -> str:
        """The condition on staged rows `s`."""
        return f"s.ponte_row >= {self.first} AND s.ponte_row < {self.end}"


@dataclass(frozen=True, slots=True)
class Deletion:
    """Rows of a table (`t`) that go because a staged row (`s`) asks for it.

    Attributes:
        found: what stands behind FROM: the stage as `s`, and what is joined to it.
        tied: the condition that a row `t` belongs to a row of it.
        span: which staged rows.
        kept: a stage (`k`) whose rows stay, and the condition that a row `t` is one of them; None where none stays.
    """

    table: Relation
    found: str
    tied: str
    span: Span
    kept: tuple[Stage, str] | None = None


@dataclass(frozen=True, slots=True)
class Savepoint:
    """Statements around what may have to be undone inside a transaction.

    Attributes:
        set: before it.
        undo: afterwards, to have none of it; the savepoint stands still.
        release: afterwards; None where the next `set` replaces it.
    """

    set: str = "SAVEPOINT ponte"
    undo: str = "ROLLBACK TO SAVEPOINT ponte"
    release: str | None = "RELEASE SAVEPOINT ponte"


class Dialect(Protocol):
    """How a database writes what every statement needs."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def probe(self) -> str:
        """A query for one value that needs no table."""
        ...

    @property
    def savepoint(self) -> Savepoint:
        """How a part of a transaction is undone."""
        ...

    def quote(self, identifier: str) -> str:
        """The identifier, quoted."""
        ...

    def read(self, column: Column, of: str) -> str:
        """The expression that reads a column of an aliased relation."""
        ...

    def row_number(self, of: str) -> str:
        """The expression that reads `ponte_row` of key rows or of a stage, as an integer of 32 bits."""
        ...

    def comparable(self, column: Column, of: str) -> str:
        """The expression by which a column is compared and ordered."""
        ...

    def exact(self, column: Column, expression: str) -> str:
        """An expression of a column's type, so that values that differ never count as equal, whatever that costs."""
        ...

    def same(self, column: Column, left: str, right: str) -> str:
        """The condition that a column's value and another expression of its type are the same key, to the letter."""
        ...

    def after(self, columns: Sequence[str], values: Sequence[str]) -> str:
        """The condition that columns, by `comparable`, stand behind a position in their order."""
        ...

    def parameter(self, number: int, column: Column) -> str:
        """A bound parameter, from 1, to be compared with `comparable(column)`."""
        ...

    def bound(self, column: Column, aggregate: str = "MAX") -> str:
        """The expression for the greatest value (or the smallest, by MIN) of a column of `t`, as a bound's text."""
        ...

    def key_rows(self, number: int, columns: Sequence[Column]) -> str:
        """A relation of rows out of a bound JSON array of [row, key ...]: ponte_row, k0, k1 ..."""
        ...

    def staged(self, column: Column, of: str) -> str:
        """The expression that takes a column out of a stage, of the column's type."""
        ...

    def upsert(self, merge: Merge, span: Span) -> tuple[str, ...]:
        """Inserts staged rows; those whose key the table has are updated.

        A row that breaks another unique index than that of the key is refused: it never changes the record it
        clashes with.
        """
        ...

    def update(self, merge: Merge, span: Span) -> tuple[str, ...]:
        """Updates the rows that have the staged keys; none where there is nothing but a key."""
        ...

    def delete(self, deletion: Deletion) -> str:
        """Deletes rows."""
        ...

    def unique_index(self, table: Relation, columns: Sequence[str]) -> str:
        """The statement that makes a unique index, for people to run."""
        ...


class Standard:
    """What most databases write alike: double quotes, plain equality, savepoints, row values."""

    probe: str = "SELECT 1"
    savepoint: Savepoint = Savepoint()

    def quote(self, identifier: str) -> str:
        """The identifier, quoted."""
        return '"' + identifier.replace('"', '""') + '"'

    def row_number(self, of: str) -> str:
        """The number, cast."""
        return f"CAST({of}.ponte_row AS integer)"

    def exact(self, column: Column, expression: str) -> str:  # noqa: ARG002 - some go by the column's type
        """As it is."""
        return expression

    def same(self, column: Column, left: str, right: str) -> str:  # noqa: ARG002 - some compare by the column's type
        """Equal."""
        return f"{left} = {right}"

    def after(self, columns: Sequence[str], values: Sequence[str]) -> str:
        """Rows are compared as wholes."""
        return f"({', '.join(columns)}) > ({', '.join(values)})"

    def delete(self, deletion: Deletion) -> str:
        """By subqueries."""
        goes = f"EXISTS (SELECT 1 FROM {deletion.found} WHERE {deletion.span.condition} AND {deletion.tied})"
        stays = ""
        if deletion.kept is not None:
            stage, same = deletion.kept
            stays = f" AND NOT EXISTS (SELECT 1 FROM {stage.sql} k WHERE {same})"
        return f"DELETE FROM {deletion.table.sql} AS t WHERE {goes}{stays}"

    def unique_index(self: Dialect, table: Relation, columns: Sequence[str]) -> str:
        """An index with a name of its own."""
        name = self.quote("_".join([table.name, *columns, "ponte"]))
        return f"CREATE UNIQUE INDEX {name} ON {table.sql} ({', '.join(map(self.quote, columns))})"


class OnConflict:
    """`INSERT ... ON CONFLICT` and `UPDATE ... FROM`: PostgreSQL, SQLite."""

    def upsert(self: Dialect, merge: Merge, span: Span) -> tuple[str, ...]:
        """One statement, which names the index whose conflict it heals."""
        names = ", ".join(self.quote(c.name) for c in merge.stage.columns)
        values = ", ".join(self.staged(c, "s") for c in merge.stage.columns)
        conflict = ", ".join(self.quote(name) for name in merge.key)
        sets = ", ".join(assign(self, merge, c, f"excluded.{self.quote(c.name)}") for c in merge.content)
        action = f"UPDATE SET {sets}" if sets else "NOTHING"
        statement = (
            f"INSERT INTO {merge.table.sql} AS t ({names}) SELECT {values} FROM {merge.stage.sql} AS s"
            f" WHERE {span.condition} ON CONFLICT ({conflict}) DO {action}"
        )
        return (statement,)

    def update(self: Dialect, merge: Merge, span: Span) -> tuple[str, ...]:
        """One statement over table and stage."""
        sets = ", ".join(assign(self, merge, c, self.staged(c, "s")) for c in merge.content)
        where = f"{span.condition} AND {matches(self, merge, 't')}"
        statement = f"UPDATE {merge.table.sql} AS t SET {sets} FROM {merge.stage.sql} AS s WHERE {where}"
        return (statement,) if sets else ()


class OnExactConflict:
    """`ON CONFLICT` where the key's index keeps only the same texts apart.

    An index that takes `abc` and `ABC` for one would have one record overwrite the other. There, rows are updated by
    the key to the letter and then inserted, so that the second one is refused.
    """

    def upsert(self: Dialect, merge: Merge, span: Span) -> tuple[str, ...]:
        """By the key's columns."""
        is_loose = any(column.collation for column in merge.keys)
        return UpdateThenInsert.upsert(self, merge, span) if is_loose else OnConflict.upsert(self, merge, span)

    def update(self: Dialect, merge: Merge, span: Span) -> tuple[str, ...]:
        """One statement over table and stage."""
        return OnConflict.update(self, merge, span)


class UpdateThenInsert:
    """Existing rows are updated, then those that are missing are inserted. For databases that cannot name the index.

    MySQL's `ON DUPLICATE KEY UPDATE` heals a conflict of any unique index: it would overwrite another record whose
    e-mail address, say, is the same. Here that is a refusal. The dialect says how its `update` is written.
    """

    def upsert(self: Dialect, merge: Merge, span: Span) -> tuple[str, ...]:
        """Updates first, so that no row is touched twice."""
        names = ", ".join(self.quote(c.name) for c in merge.stage.columns)
        values = ", ".join(self.staged(c, "s") for c in merge.stage.columns)
        found = f"SELECT 1 FROM {merge.table.sql} t WHERE {matches(self, merge, 't')}"
        insert = (
            f"INSERT INTO {merge.table.sql} ({names}) SELECT {values} FROM {merge.stage.sql} s"
            f" WHERE {span.condition} AND NOT EXISTS ({found})"
        )
        return (*self.update(merge, span), insert)


def matches(dialect: Dialect, merge: Merge, of: str, staged: str = "s") -> str:
    """The condition that a row of the table has the key of a staged row, both by their alias."""
    same = (dialect.same(c, f"{of}.{dialect.quote(c.name)}", dialect.staged(c, staged)) for c in merge.keys)
    return " AND ".join(same)


def assign(dialect: Dialect, merge: Merge, column: Column, value: str) -> str:
    """An assignment of SET; what is to be left alone when it is empty keeps what the row `t` holds."""
    name = dialect.quote(column.name)
    return f"{name} = coalesce({value}, t.{name})" if column.name in merge.omit_null else f"{name} = {value}"
