"""What a database wants to be handled like over ODBC: which driver reads it, its options, its statements.

`PROFILES` is asked by the name that the driver gives for its DBMS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

from ponte.connectors.odbc.staging import RowStaging, Staging
from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.client import RefusedError, Rows
from ponte.connectors.relational.dialect import Dialect, Stage
from ponte.errors import PonteError

TOLD_LENGTH = 250
"""Most characters of a text whose width drivers tell as it is declared; that of longer ones is measured."""
MOST_OCTETS = 4
"""Of a character."""


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
        speaks: how its errors begin, also those from before it is known which database it is; empty where unknown.
        bind: the statement, with `?`, that makes parameters variables of the session, and its own parameters; None
            where statements have marks for them.
        opened: statements of a new connection.
        snapshot, write: statements that begin a transaction.
        ends: statements that commit and roll back; None where the driver manager does.
        measure: the expression for the octets of a text; None where no buffer needs it.
        stage: how a stage is made; None where Ponte does not write.
        packet: the query for how many bytes the server takes at once; None where that is no limit for rows.
        append: how rows get straight into columns of a table; gives None, or is it, where they need a stage.
        stage_schema, stage_name: what it is called; `{}` is its number.
        is_proven: whether it ever ran against a real server.
        translate: native number, message, the SyncSource for messages -> the error to raise; None to go by SQLSTATE.
    """

    dbms: str
    by: str
    dialect: Dialect
    find: Callable[[Asking, Place], Relation]
    decode: Callable[[pl.DataFrame, Sequence[Column]], Rows]
    options: dict[str, str] = field(default_factory=dict)
    is_autocommit: bool = False
    speaks: str = ""
    bind: Callable[[Sequence[str]], tuple[str, list[str]]] | None = None
    opened: tuple[str, ...] = ()
    snapshot: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    ends: tuple[str, str] | None = None
    measure: str | None = None
    stage: Callable[[Stage, Sequence[str]], Staging | RowStaging] | None = None
    packet: str | None = None
    append: Callable[[Relation, Sequence[Column]], RowStaging | None] | None = None
    stage_schema: str = ""
    stage_name: str = "ponte_stage_{}"
    is_proven: bool = True
    translate: Callable[[int, str, str], PonteError | RefusedError | None] = lambda *told: None  # noqa: ARG005 - says nothing more

    @property
    def can_write(self) -> bool:
        """Whether Ponte writes into it."""
        return self.stage is not None
