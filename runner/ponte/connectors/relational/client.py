"""The port between relational connectors and a driver, and the thread in which a blocking driver runs.

The drivers of `ponte.connectors.sql` implement it. Everything above it is the same for each database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar, runtime_checkable

import polars as pl

from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.dialect import Dialect, Stage
from ponte.errors import ConfigurationError
from ponte.threads import in_thread

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that were read.

    Attributes:
        frame: one column per column that was asked for, of its type; a value that is no such thing is null here.
        faults: those values, by FAULT_SCHEMA.
    """

    frame: pl.DataFrame
    faults: pl.DataFrame | None = None


class Session(Protocol):
    """One connection. Blocking, for one thread at a time. Errors are those of `ponte.errors` or `RefusedError`."""

    @property
    def dialect(self) -> Dialect:
        """How statements are written for it."""
        ...

    def begin(self, *, is_snapshot: bool) -> None:
        """Starts a transaction; a snapshot sees one state and writes nothing."""
        ...

    def commit(self) -> None:
        """Ends the transaction. Raises CommitLostError when its outcome cannot be known."""
        ...

    def rollback(self) -> None:
        """Ends the transaction without effect. Never raises."""
        ...

    def relation(self, table: str | None, query: str | None) -> Relation:
        """What the catalogue says of a table or a query. Raises ConfigurationError where there is none."""
        ...

    def stream(
        self, statement: str, parameters: Sequence[str], columns: Sequence[Column], batch_size: int
    ) -> Iterator[Rows]:
        """Rows of a query, at most so many at a time, of these columns, without holding them all."""
        ...

    def pages(
        self, statement: str, parameters: Sequence[str], columns: Sequence[Column], batch_size: int
    ) -> Iterator[Rows]:
        """As `stream`, but other statements may be run between the pages."""
        ...

    def execute(self, statement: str, parameters: Sequence[str] = ()) -> None:
        """Runs a statement. Raises RefusedError where data is to blame."""
        ...

    def scalar(self, statement: str, parameters: Sequence[str] = ()) -> str | None:
        """The one value of a query, as text."""
        ...

    def stage(self, name: str, columns: Sequence[Column], frame: pl.DataFrame, key: Sequence[str]) -> Stage:
        """Carries a frame (ponte_row and the columns, as `encode` gives them) to the database.

        Args:
            name: tells stages of one transaction apart.
            columns: of the table that it is meant for.
            frame: the rows.
            key: names of the columns by which they are looked up, for an index.
        """
        ...

    def close(self) -> None:
        """Gives the connection back. Never raises."""
        ...


@runtime_checkable
class Appends(Protocol):
    """A session that can bring rows into some tables without a stage."""

    def can_append(self, table: Relation, columns: Sequence[Column]) -> bool:
        """Whether these columns of the table take values as they travel."""
        ...

    def append(self, table: Relation, columns: Sequence[Column], frame: pl.DataFrame) -> None:
        """Adds all rows of a frame (the columns, as `encode` gives them).

        Raises:
            RefusedError: some row is refused, or there already; the transaction must return to a savepoint.
        """
        ...


class RefusedError(Exception):
    """The database refused the data of a statement: a constraint, a value out of range. Never leaves a connector.

    Args:
        reason: stable PascalCase.
        message: safe to show: the constraint, never the values.
        field: the column to blame, where the database names it.
    """

    def __init__(self, reason: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field


@contextmanager
def refused_as_configuration(object_name: str) -> Iterator[None]:
    """Raises ConfigurationError for a refusal that no single record can be blamed for."""
    try:
        yield
    except RefusedError as error:
        raise ConfigurationError(
            f"object {object_name}: the database refused the statement as a whole: {error.message}."
            " Next: look at the keys or bounds that were asked for, and at constraints that are checked at commit only"
            " (DEFERRABLE): Ponte needs to be told of which record they complain."
        ) from error


class CommitLostError(Exception):
    """The connection broke while a commit was in flight: it may have happened. Never leaves a connector."""


class Worker:
    """The one thread in which a session lives: calls are done in order, so that closing never overtakes a call."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ponte-sql")

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Does a blocking call in the thread."""
        return await in_thread(lambda: call(*args, **kwargs), self._thread)

    def stop(self) -> None:
        """Lets the thread end after what it is doing."""
        self._thread.shutdown(wait=False)
