"""What MariaDB and MySQL write in their own way, over whatever driver. Pure text."""

from __future__ import annotations

from collections.abc import Sequence

from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.dialect import (
    Deletion,
    Dialect,
    Merge,
    Span,
    Standard,
    UpdateThenInsert,
    assign,
    matches,
)

UNICODE = "utf8mb4"


class MysqlStyle(Standard, UpdateThenInsert):
    """Back quotes, joins in UPDATE and DELETE, texts that are the same by their collation but not to the letter."""

    name = "mysql"

    def quote(self, identifier: str) -> str:
        """The identifier, quoted."""
        return "`" + identifier.replace("`", "``") + "`"

    def row_number(self, of: str) -> str:
        """The number, cast by a name that both take."""
        return f"CAST({of}.ponte_row AS SIGNED)"

    def exact(self, column: Column, expression: str) -> str:
        """The bytes of a text, in its column's own encoding."""
        return f"CAST({expression} AS BINARY)" if column.collation else expression

    def same(self, column: Column, left: str, right: str) -> str:
        """The same by the collation, for which there is an index, and byte by byte.

        Args:
            column: whose value is on the left.
            left: of the column's encoding and collation.
            right: a text in utf8mb4, and of the column's collation where that is one of utf8mb4.
        """
        if not column.collation:
            return f"{left} = {right}"
        exact = f"{_bytes(left)} = {_bytes(right)}"
        likened = right if charset(column) == UNICODE else collated(column, right)
        return f"({left} = {likened} AND {exact})"

    def after(self, columns: Sequence[str], values: Sequence[str]) -> str:
        """Spelt out: whole rows are compared without an index."""
        column, value = columns[0], values[0]
        if len(columns) == 1:
            return f"{column} > {value}"
        deeper = self.after(columns[1:], values[1:])
        return f"({column} >= {value} AND ({column} > {value} OR {deeper}))"

    def update(self: Dialect, merge: Merge, span: Span) -> tuple[str, ...]:
        """A join of table and stage."""
        sets = ", ".join(f"t.{assign(self, merge, c, self.staged(c, 's'))}" for c in merge.content)
        statement = (
            f"UPDATE {merge.stage.sql} s JOIN {merge.table.sql} t ON {matches(self, merge, 't')}"
            f" SET {sets} WHERE {span.condition}"
        )
        return (statement,) if sets else ()

    def delete(self, deletion: Deletion) -> str:
        """Joins: a correlated subquery would be run for each row of the table."""
        joined = f"{deletion.found} JOIN {deletion.table.sql} t ON {deletion.tied}"
        where = deletion.span.condition
        if deletion.kept is not None:
            stage, same = deletion.kept
            joined += f" LEFT JOIN {stage.sql} k ON {same}"
            where += " AND k.ponte_row IS NULL"
        return f"DELETE t FROM {joined} WHERE {where}"

    def unique_index(self: Dialect, table: Relation, columns: Sequence[str]) -> str:
        """Its name is cut to what they allow; a text without a length needs one."""
        name = self.quote("_".join([*columns, "ponte"])[:64])
        return f"CREATE UNIQUE INDEX {name} ON {table.sql} ({', '.join(map(self.quote, columns))})"


def charset(column: Column) -> str:
    """The encoding that a collation belongs to."""
    return (column.collation or UNICODE).partition("_")[0]


def collated(column: Column, text: str) -> str:
    """A text in utf8mb4 as one that can be compared with a column, by the column's index.

    What the column's encoding lacks becomes a question mark here: `same` compares the bytes too.
    """
    return f"CONVERT({text} USING {charset(column)}) COLLATE {column.collation}" if column.collation else text


def _bytes(text: str) -> str:
    return f"CAST(CONVERT({text} USING {UNICODE}) AS BINARY)"
