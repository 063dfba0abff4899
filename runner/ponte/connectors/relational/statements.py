"""SQL text, built of quoted names from the catalogue and bound parameters only. Pure; the same for every database.

Relations get their alias without AS, which not every database takes there.
"""

from __future__ import annotations

from dataclasses import dataclass

from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.dialect import Deletion, Dialect, Merge, Span, matches


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
        where = f" WHERE {' AND '.join(self.where)}" if self.where else ""
        order = f" ORDER BY {', '.join(self.order)}" if self.order else ""
        return f"SELECT {', '.join(fields(dialect, self.columns))} FROM {self.relation.sql} t{self.join}{where}{order}"


@dataclass(frozen=True, slots=True)
class SelectByKey:
    """A reading of the rows of a relation (`t`) that have keys out of a bound JSON array (`k`), in its order.

    Attributes:
        key: the relation's columns that hold the keys.
        columns: what is read behind the row number.
        order: expressions to order the rows of one key by.
    """

    relation: Relation
    key: tuple[Column, ...]
    columns: tuple[Column, ...]
    order: tuple[str, ...] = ()

    def text(self, dialect: Dialect) -> str:
        """The statement; the JSON array is its only parameter."""
        selected = ", ".join([f"{dialect.row_number('k')} AS ponte_row", *fields(dialect, self.columns)])
        order = ", ".join(["k.ponte_row", *self.order])
        keys = join_keys(dialect, self.key)
        return f"SELECT {selected} FROM {self.relation.sql} t{keys} ORDER BY {order}"


def fields(dialect: Dialect, columns: tuple[Column, ...]) -> list[str]:
    """What stands behind SELECT to read columns of `t`."""
    return [f"{dialect.read(c, 't')} AS {dialect.quote(c.name)}" for c in columns]


def join_keys(dialect: Dialect, key: tuple[Column, ...]) -> str:
    """The rows of `t` that have the key of a row `k` of the bound JSON array, which is parameter 1."""
    same = (dialect.same(column, dialect.comparable(column, "t"), f"k.k{n}") for n, column in enumerate(key))
    return f" JOIN {dialect.key_rows(1, key)} k ON {' AND '.join(same)}"


def delete_keys(dialect: Dialect, merge: Merge, span: Span) -> str:
    """Deletes the rows that have the staged keys."""
    return dialect.delete(Deletion(merge.table, f"{merge.stage.sql} s", matches(dialect, merge, "t"), span))


def missing_keys(dialect: Dialect, merge: Merge) -> str:
    """The row numbers of staged keys that the table does not have."""
    found = f"SELECT 1 FROM {merge.table.sql} t WHERE {matches(dialect, merge, 't')}"
    return f"SELECT {dialect.row_number('s')} AS ponte_row FROM {merge.stage.sql} s WHERE NOT EXISTS ({found})"
