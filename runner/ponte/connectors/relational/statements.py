"""SQL text, built of quoted names from the catalogue and bound parameters only. Pure; the same for every database."""

from __future__ import annotations

from dataclasses import dataclass

from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.client import Dialect, Stage


@dataclass(frozen=True, slots=True)
class Select:
    """A reading of a relation, which the text calls `t`.

    Attributes:
        columns: what is read, in this order.
        join: further relations and how they are joined.
        where: conditions that must all hold.
        order: expressions to order by; empty for the database's own order.
    """

    relation: Relation
    columns: tuple[Column, ...]
    join: str = ""
    where: tuple[str, ...] = ()
    order: tuple[str, ...] = ()

    def text(self, dialect: Dialect) -> str:
        """The statement."""
        fields = ", ".join(f"{dialect.read(c, 't')} AS {dialect.quote(c.name)}" for c in self.columns)
        where = f" WHERE {' AND '.join(self.where)}" if self.where else ""
        order = f" ORDER BY {', '.join(self.order)}" if self.order else ""
        return f"SELECT {fields} FROM {self.relation.sql} AS t{self.join}{where}{order}"


@dataclass(frozen=True, slots=True)
class Merge:
    """Statements that bring staged rows (`s`) into a table (`t`).

    Attributes:
        key: names of the natural key's columns.
        omit_null: columns that keep what they hold where the staged row has no value.
    """

    dialect: Dialect
    table: Relation
    stage: Stage
    key: tuple[str, ...]
    omit_null: frozenset[str] = frozenset()

    def insert(self, first: int, end: int) -> str:
        """Inserts the rows numbered first to end - 1; one whose key exists is updated."""
        names = ", ".join(self.dialect.quote(c.name) for c in self.stage.columns)
        values = ", ".join(self.dialect.staged(c, "s") for c in self.stage.columns)
        conflict = ", ".join(self.dialect.quote(name) for name in self.key)
        sets = ", ".join(self._set(c, f"excluded.{self.dialect.quote(c.name)}") for c in self._content)
        action = f"UPDATE SET {sets}" if sets else "NOTHING"
        return (
            f"INSERT INTO {self.table.sql} AS t ({names}) SELECT {values} FROM {self.stage.sql} AS s"
            f" WHERE {rows_between(first, end)} ON CONFLICT ({conflict}) DO {action}"
        )

    def update(self, first: int, end: int) -> str:
        """Updates the rows that have the staged keys. A record of a key alone has nothing to update."""
        sets = ", ".join(self._set(c, self.dialect.staged(c, "s")) for c in self._content)
        if not sets:
            return "SELECT 1"
        where = f"{rows_between(first, end)} AND {self.matches('t')}"
        return f"UPDATE {self.table.sql} AS t SET {sets} FROM {self.stage.sql} AS s WHERE {where}"

    def delete(self, first: int, end: int) -> str:
        """Deletes the rows that have the staged keys."""
        found = f"SELECT 1 FROM {self.stage.sql} AS s WHERE {rows_between(first, end)} AND {self.matches('t')}"
        return f"DELETE FROM {self.table.sql} AS t WHERE EXISTS ({found})"

    def missing(self) -> str:
        """The row numbers of staged keys that the table does not have."""
        found = f"SELECT 1 FROM {self.table.sql} AS t WHERE {self.matches('t')}"
        return (
            f"SELECT CAST(s.row_number AS integer) AS row_number FROM {self.stage.sql} AS s WHERE NOT EXISTS ({found})"
        )

    @property
    def _content(self) -> tuple[Column, ...]:
        return tuple(column for column in self.stage.columns if column.name not in self.key)

    def matches(self, of: str) -> str:
        """The condition that a row of the table, by its alias, has the key of the staged row `s`."""
        columns = (column for column in self.stage.columns if column.name in self.key)
        return " AND ".join(f"{of}.{self.dialect.quote(c.name)} = {self.dialect.staged(c, 's')}" for c in columns)

    def _set(self, column: Column, value: str) -> str:
        name = self.dialect.quote(column.name)
        return f"{name} = coalesce({value}, t.{name})" if column.name in self.omit_null else f"{name} = {value}"


def rows_between(first: int, end: int) -> str:
    """The condition on staged rows."""
    return f"s.row_number >= {first} AND s.row_number < {end}"
