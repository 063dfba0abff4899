"""What a database wants to be handled like over ODBC: which driver reads it, its options, its statements.

`PROFILES` is asked by the name that the driver gives for its DBMS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.client import Rows
from ponte.connectors.relational.dialect import Dialect, Stage

STATEMENT_TIMEOUT_S = 100  # shorter than what the target says one delivery may take


class Asking(Protocol):
    """The questions that a catalogue may ask."""

    def ask(self, statement: str, parameters: Sequence[str]) -> pl.DataFrame:
        """All rows, as text."""
        ...

    def names(self, statement: str) -> list[str]:
        """Names of the columns of a query."""
        ...

    def catalogue(self, function: str, **arguments: str | None) -> list[dict[str, Any]]:
        """Rows of a catalogue function of ODBC."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """What is looked up in a catalogue: a table's name or a query, and how messages call the SyncSource."""

    label: str
    table: str | None
    query: str | None

    @property
    def query_sql(self) -> str:
        """The query in brackets."""
        return f"({(self.query or '').strip().rstrip(';')}\n)"


@dataclass(frozen=True, slots=True)
class Staging:
    """How a stage is made and filled.

    Attributes:
        statements: to run before it is filled.
        insert: fills it from parameter 1, a JSON array of objects with ponte_row, c0, c1 ...
    """

    statements: tuple[str, ...]
    insert: str


@dataclass(frozen=True, slots=True)
class Profile:
    """One database.

    Attributes:
        dbms: how the driver's name for its DBMS begins, in capitals; empty for any.
        by: `arrow` or `pyodbc`.
        dialect: how statements are written.
        find: the catalogue's entry of a place.
        decode: rows out of what the driver gave.
        options: of the driver, unless the SyncSource has them.
        is_autocommit: whether transactions are begun and ended by statements instead of the driver manager.
        opened: statements of a new connection.
        snapshot, write: statements that begin a transaction.
        ends: statements that commit and roll back; None where the driver manager does.
        measure: the expression for the octets of a text; None where no buffer needs it.
        stage: how a stage is made; None where Ponte does not write.
        translate: native number, message -> SQLSTATE, or a refusal in the database's own words.
    """

    dbms: str
    by: str
    dialect: Dialect
    find: Callable[[Asking, Place], Relation]
    decode: Callable[[pl.DataFrame, Sequence[Column]], Rows]
    options: dict[str, str] = field(default_factory=dict)
    is_autocommit: bool = False
    opened: tuple[str, ...] = ()
    snapshot: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    ends: tuple[str, str] | None = None
    measure: str | None = None
    stage: Callable[[Stage, Sequence[str]], Staging] | None = None
    translate: Callable[[int, str, str], Exception | str] = lambda native, state, message: state  # noqa: ARG005

    @property
    def can_write(self) -> bool:
        """Whether Ponte writes into it."""
        return self.stage is not None
