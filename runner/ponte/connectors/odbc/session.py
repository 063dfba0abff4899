"""One connection over ODBC, whose driver runs in a process of its own."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from tempfile import TemporaryFile
from typing import Any

import polars as pl
import polars.selectors as cs

from ponte.connectors.odbc.errors import first_line, translated
from ponte.connectors.odbc.marks import in_order
from ponte.connectors.odbc.process import CRASHED, HUNG, STATEMENT_TIMEOUT_S
from ponte.connectors.odbc.processes import DriverProcesses
from ponte.connectors.odbc.profiles import MOST_OCTETS, TOLD_LENGTH, Place, Profile
from ponte.connectors.odbc.settings import Address
from ponte.connectors.odbc.staging import MOST_BYTES_AT_ONCE, RowStaging
from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.client import CommitLostError, RefusedError, Rows
from ponte.connectors.relational.dialect import Dialect, Stage
from ponte.connectors.relational.sqlstates import LOST
from ponte.connectors.relational.values import resize
from ponte.errors import ConfigurationError, PonteError, TransientError

LOGIN_TIMEOUT_S = 15
ROWS_AT_ONCE = 5_000  # of pyodbc
LEAST_TEXT_BYTES = 64
MOST_TEXT_BYTES = 256 * 1024 * 1024
FETCH_BYTES = 32 * 1024 * 1024
SCALAR_BYTES = 4 * 1024 * 1024  # such as the names of all tables
SMALL_BYTES = 2 * 1024 * 1024  # of what the catalogue is asked: buffers are filled with zeros first
_MEASURED = frozenset({"other", "json", "binary"})
_BROKEN = frozenset({LOST, CRASHED, HUNG})


class OdbcSession:
    """One connection.

    Args:
        address: where to.
        profiles: databases by the name of their DBMS; the one for all others under "".
        processes: where the driver's process comes from, and goes back to.
    """

    def __init__(self, address: Address, profiles: dict[str, Profile], processes: DriverProcesses) -> None:
        self._address, self._profiles = address, profiles
        self._known: Profile | None = None
        self._staged: dict[tuple[str, tuple[Column, ...]], Stage] = {}
        self._processes, self._process = processes, processes.take()
        try:
            facts = self._call(_connecting(address, profiles))
            self._known = profiles[facts["profile"]]
            self.product = f"{facts['dbms']} {facts['version']}"
            for statement in self._profile.opened:
                self.execute(statement)
            if not self._profile.is_autocommit:
                self._end("commit", 0)
        except BaseException:
            self._process.kill()
            raise

    @property
    def _profile(self) -> Profile:
        return self._known or self._profiles[""]

    @property
    def dialect(self) -> Dialect:
        """How statements are written for it."""
        return self._profile.dialect

    @property
    def pid(self) -> int:
        """Of the driver's process."""
        return self._process.pid

    def begin(self, *, is_snapshot: bool) -> None:
        """Begins what was not begun before. Raises ConfigurationError for writing where Ponte does not write."""
        if not is_snapshot and not self._profile.can_write:
            raise ConfigurationError(
                f"{self._address.label}: Ponte reads {self.product} by standard SQL and does not write to it: it does"
                " not know how this database updates what is there. Next: write by another connector, such as files.",
                reason="Unsupported",
            )
        if not self._profile.is_autocommit:
            self.rollback()
        for statement in self._profile.snapshot if is_snapshot else self._profile.write:
            self.execute(statement)

    def commit(self) -> None:
        """Commits. Raises CommitLostError when the driver or the connection broke meanwhile."""
        try:
            self._end("commit", 0)
        except TransientError as error:
            if error.reason in _BROKEN:
                raise CommitLostError from error
            raise

    def rollback(self) -> None:
        """Rolls back; on a broken connection the server does."""
        with suppress(PonteError, RefusedError):
            self._end("rollback", 1)

    def relation(self, table: str | None, query: str | None) -> Relation:
        """A table or view by its name, with its schema where needed, or a query."""
        return self._profile.find(self, Place(self._address.label, table, query))

    def stream(
        self, statement: str, parameters: Sequence[str], columns: Sequence[Column], batch_size: int
    ) -> Iterator[Rows]:
        """Rows as the driver fetches them."""
        for frame in resize(self._frames(statement, parameters, columns, batch_size), batch_size):
            yield self._profile.decode(frame, columns)

    def pages(
        self, statement: str, parameters: Sequence[str], columns: Sequence[Column], batch_size: int
    ) -> Iterator[Rows]:
        """By way of a file: few drivers run other statements while rows are open."""
        with TemporaryFile(prefix="ponte-odbc-") as file:
            sizes = []
            for frame in resize(self._frames(statement, parameters, columns, batch_size), batch_size):
                frame.write_ipc_stream(piece := io.BytesIO())
                sizes.append(file.write(piece.getvalue()))
            file.seek(0)
            for size in sizes:
                yield self._profile.decode(pl.read_ipc_stream(io.BytesIO(file.read(size))), columns)

    def execute(self, statement: str, parameters: Sequence[str] = ()) -> None:
        """Runs a statement."""
        text, values = self._bound(statement, parameters)
        self._call({"call": "execute", "statement": text, "parameters": values})

    def scalar(self, statement: str, parameters: Sequence[str] = ()) -> str | None:
        """The one value, which the statement casts to text."""
        asked = {"batchSize": 1, "textBytes": SCALAR_BYTES, "bytes": 2 * SCALAR_BYTES, "ahead": False}
        frames = list(self._fetch(statement, parameters, asked))
        value = pl.concat(frames).to_series(0) if frames else pl.Series()
        return None if value.is_empty() or value[0] is None else str(value[0])

    def stage(self, name: str, columns: Sequence[Column], frame: pl.DataFrame, key: Sequence[str]) -> Stage:
        """Carries a frame as text: exact, whatever the driver makes of types."""
        make = self._profile.stage
        assert make is not None  # noqa: S101 - `begin` refused it
        called = self._profile.stage_schema + self.dialect.quote(self._profile.stage_name.format(len(self._staged)))
        stage = Stage(called, tuple(columns))
        stage = self._staged.setdefault((name, tuple(columns)), stage)
        staging = make(stage, key)
        for statement in staging.statements:
            self.execute(statement)
        if isinstance(staging, RowStaging):
            if not self._fill(staging, frame):
                raise ConfigurationError(
                    f"{self._address.label}: the driver did not take all rows on the way to a temporary table. Nothing"
                    " was written. Next: report it, with the driver's version and the types of the table's columns."
                )
        else:
            for text in staging.texts(frame):
                self.execute(staging.insert, [text])
        return stage

    def can_append(self, table: Relation, columns: Sequence[Column]) -> bool:
        """Where the profile knows how."""
        return self._profile.append is not None and self._profile.append(table, columns) is not None

    def append(self, table: Relation, columns: Sequence[Column], frame: pl.DataFrame) -> None:
        """As rows of text. Rows that the driver lost without a word count as refused."""
        rows = self._profile.append(table, columns) if self._profile.append is not None else None
        assert rows is not None  # noqa: S101 - `can_append` said so
        if not self._fill(rows, frame):
            raise RefusedError("NotConvertible", "the driver did not take all rows")

    def _fill(self, staging: RowStaging, frame: pl.DataFrame) -> bool:
        """Whether all rows were taken, as far as the database tells."""
        taken = 0
        try:
            for rows, body in staging.pieces(frame, self._most_bytes):
                asked = {"call": "fill", "table": staging.into, "rows": rows, "count": staging.count}
                taken += self._call(asked, body)["taken"]
        except TransientError as error:
            if error.reason != LOST:
                raise
            raise TransientError(
                f"{error.message} Rows were on their way to it. Next: if it happens again, a record is larger than"
                " the server takes at once (MariaDB, MySQL: max_allowed_packet).",
                reason=LOST,
            ) from error
        return taken == frame.height

    @cached_property
    def _most_bytes(self) -> int:
        """Of rows that go to the server at once; half of what it takes leaves room for the protocol."""
        told = None if self._profile.packet is None else self.scalar(self._profile.packet)
        return MOST_BYTES_AT_ONCE if told is None else min(MOST_BYTES_AT_ONCE, int(told) // 2)

    def ask(self, statement: str, parameters: Sequence[str] = ()) -> pl.DataFrame:
        """All rows of a small query, of columns that tell their width or are at most 64 KiB wide."""
        asked = {"batchSize": 1_000, "textBytes": 65_536, "bytes": SMALL_BYTES, "ahead": False}
        found = [frame for frame in self._fetch(statement, parameters, asked) if frame.height]
        if found:
            return pl.concat(found)
        return pl.DataFrame(schema=dict.fromkeys(self.names(statement.replace("\x01", "")), pl.String))

    def names(self, statement: str) -> list[str]:
        """Names of the columns of a query. Raises ConfigurationError where two are the same."""
        rows = self._call({"call": "catalogue", "function": "describe", "statement": statement})["rows"]
        names = [row["column_name"] for row in rows]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(
                f"{self._address.label}: the query gives {', '.join(twice)} more than once. Next: name each apart (AS)."
            )
        return names

    def catalogue(self, function: str, **arguments: str | None) -> list[dict[str, Any]]:
        """Rows of a catalogue function of ODBC, with folded names; or the columns of a statement, by `describe`."""
        asked = {"call": "catalogue", "function": function, "arguments": arguments, **arguments}
        rows: list[dict[str, Any]] = self._call(asked)["rows"]
        return rows

    def close(self) -> None:
        """Ends the connection; what was not committed is rolled back."""
        self._processes.give(self._process)

    def _end(self, call: str, index: int) -> None:
        if self._profile.ends is not None:
            self.execute(self._profile.ends[index])
        elif not self._profile.is_autocommit:
            self._call({"call": call})

    def _frames(
        self, statement: str, parameters: Sequence[str], columns: Sequence[Column], batch_size: int
    ) -> Iterator[pl.DataFrame]:
        width = self._measured(statement, parameters, columns)
        asked = {"batchSize": batch_size, "textBytes": width + 1, "bytes": FETCH_BYTES, "ahead": batch_size > 1}
        for frame in self._fetch(statement, parameters, asked):
            if self._profile.measure is not None:
                self._check_uncut(frame, width)
            yield frame

    def _check_uncut(self, frame: pl.DataFrame, width: int) -> None:
        """A driver cuts what is one octet wider than its buffer in silence; what is wider still is an error of it."""
        sizes = frame.select(cs.string().str.len_bytes().max(), cs.binary().bin.size().max())
        if any(size is not None and size > width for row in sizes.rows() for size in row):
            raise TransientError(
                f"{self._address.label}: a value has become longer while it was read. Next: run again; read while"
                " nobody writes, or use tables with transactions."
            )

    def _measured(self, statement: str, parameters: Sequence[str], columns: Sequence[Column]) -> int:
        """The octets of the widest text that the statement can give now; buffers of that size cut nothing."""
        wide = [column for column in columns if _is_wide(column)]
        least = max([LEAST_TEXT_BYTES, *(_told_octets(column) for column in columns)])
        if self._profile.measure is None or not wide:
            return least
        widths = (self._profile.measure.format(f"q.{self.dialect.quote(column.name)}") for column in wide)
        most = ", ".join(f"COALESCE(MAX({width}), 0)" for width in widths)
        greatest = f"GREATEST({most}, 0)"
        found = int(self.scalar(f"SELECT {greatest} AS width FROM ({statement}) q", parameters) or 0)
        if found > MOST_TEXT_BYTES:
            raise ConfigurationError(
                f"{self._address.label}: a value of {found} bytes is more than Ponte carries ({MOST_TEXT_BYTES})."
                " Next: leave its column out by a query.",
                reason="TooLong",
            )
        return max(found, least)

    def _fetch(self, statement: str, parameters: Sequence[str], how: dict[str, Any]) -> Iterator[pl.DataFrame]:
        text, values = self._bound(statement, parameters)
        asked = {"call": "rows", "statement": text, "parameters": values, "fetch": ROWS_AT_ONCE}
        self._check((yield from self._bodies({**asked, **how})))

    def _bound(self, statement: str, parameters: Sequence[str]) -> tuple[str, list[str]]:
        """The statement with `?` and what stands for it; or with variables of the session, which are set here."""
        bind = self._profile.bind
        if bind is None:
            return in_order(statement, parameters)
        if parameters:
            text, values = bind(parameters)
            self._call({"call": "execute", "statement": text, "parameters": values})
        return statement, []

    def _bodies(self, asked: dict[str, Any]) -> Generator[pl.DataFrame, None, dict[str, Any]]:
        bodies = self._process.stream(asked)
        while True:
            try:
                body = next(bodies)
            except StopIteration as stop:
                end: dict[str, Any] = stop.value
                return end
            try:
                yield pl.read_ipc_stream(io.BytesIO(body))
            except GeneratorExit:
                bodies.close()
                raise

    def _call(self, head: dict[str, Any], body: bytes = b"") -> dict[str, Any]:
        return self._check(self._process.call(head, body))

    def _check(self, head: dict[str, Any]) -> dict[str, Any]:
        if "error" not in head:
            return head
        facts = dict(head["error"])
        profile = self._known or _speaker(self._profiles, facts["message"])
        told = profile.translate(facts["native"], first_line(facts["message"]), self._address.label)
        raise told or translated(facts, self._address)


def _speaker(profiles: dict[str, Profile], message: str) -> Profile:
    """Whose error it is, before the connection stands."""
    return next((p for p in profiles.values() if p.speaks and p.speaks in message), profiles[""])


def _is_wide(column: Column) -> bool:
    """Whether the driver does not tell how wide its values are."""
    if column.kind == "string":
        return column.length is None or column.length > TOLD_LENGTH
    return column.kind in _MEASURED or (column.kind == "decimal" and column.precision is None)


def _told_octets(column: Column) -> int:
    """Most octets of a value whose width the driver tells; arrow-odbc makes no buffer wider than it is asked to."""
    return (column.length or 0) * MOST_OCTETS if column.kind == "string" and not _is_wide(column) else 0


def _connecting(address: Address, profiles: dict[str, Profile]) -> dict[str, Any]:
    ways = {
        name: {"by": profile.by, "options": profile.options, "autocommit": profile.is_autocommit}
        for name, profile in profiles.items()
    }
    return {
        "call": "connect",
        "connection": address.login,
        "driver": None if address.is_dsn else address.driver,
        "given": address.given,
        "profiles": ways,
        "loginTimeout": LOGIN_TIMEOUT_S,
        "timeout": STATEMENT_TIMEOUT_S,
    }
