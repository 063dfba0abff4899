"""PostgreSQL for a cluster: Arrow in and out by ADBC, which also spares a run the import of a second driver.

Transactions are READ COMMITTED whatever the server's default is: the fence (`scopes.hold`) locks the scope's row first,
and each statement after it sees what the one before in line committed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import polars as pl

from ponte.arrow_stream import in_pieces, stream_frames
from ponte.errors import ConfigurationError, CredentialsRefused, PonteError, StateError, TransientError
from ponte.ledger.database import Value

try:
    import adbc_driver_manager as adbc
    import adbc_driver_postgresql
except ImportError as error:
    raise ConfigurationError(
        "A PostgreSQL ledger needs drivers that are not installed. Next: pip install 'ponte-sync[postgresql]'",
        reason="ExtraMissing",
    ) from error

LOCK_TIMEOUT_S = 60
SCRIPT_LOCK = 7_305_814_209_311_772_001
"""Advisory lock of all that makes or migrates tables; a number of this project's own."""

_SESSION = (
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET synchronous_commit = on",
    f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'",
    "SET idle_in_transaction_session_timeout = 0",
    "SET client_min_messages = error",
    # Staged keys have no statistics, and they are few against what is kept: they are looked up by index.
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
)
_LARGE_APPEND = 1000
_PLACEHOLDER = re.compile(r"\$(\d+)")
_STREAM_BYTES = str(4 * 1024 * 1024)
_TRANSIENT_CLASSES = ("08", "40", "53", "55", "57")
_READ_ONLY = "25006"
_REFUSED = ("28000", "28P01")
_FORBIDDEN = ("3D000", "3F000", "42501")


class PostgresDatabase:
    """A connection to a ledger database.

    Args:
        url: postgresql:// address, with user and password if it needs them; never shown.
        shown: the same without them, for messages.
    """

    kind = "postgresql"
    for_update = " FOR UPDATE"
    by_natural_key = ""

    def __init__(self, url: str, shown: str) -> None:
        self._shown = shown
        self._open = False
        self._analyzed: set[str] = set()
        with self._translated():
            driver = adbc_driver_postgresql._driver_path()  # noqa: SLF001 - its public face imports pyarrow
            self._database = adbc.AdbcDatabase(driver=driver, uri=url)
            self._connection = self._connected()
        with self.transaction():
            for setting in _SESSION:
                self.execute(setting)

    def _connected(self) -> adbc.AdbcConnection:
        try:
            connection = adbc.AdbcConnection(self._database)
        except adbc.Error as error:
            self._database.close()
            if "server" not in str(error) and "host name" not in str(error):
                raise ConfigurationError(
                    f"The address of the ledger {self._shown} cannot be understood. Next: percent-encode characters "
                    "with a meaning in addresses (@ : / ? # %) in user and password.",
                    reason="LedgerAddress",
                ) from None  # the driver's text may quote a part of the password
            raise
        connection.set_autocommit(False)
        return connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Database.transaction`."""
        with self._translated():
            self._open = True
            try:
                yield
                self._commit()
            except BaseException:
                with suppress(adbc.Error):
                    self._connection.rollback()
                raise
            finally:
                self._open = False

    def _commit(self) -> None:
        try:
            self._connection.commit()
        except adbc.Error as error:
            translated = self._translate(error)
            if isinstance(translated, TransientError) and not (error.sqlstate or "").startswith("40"):
                raise TransientError(
                    f"The ledger {self._shown} was lost while it committed: whether it did is not known. What it was "
                    "told stays claimed or is written whole. Next: run it again; it finds out which.",
                    reason="LedgerCommitUnknown",
                ) from error
            raise translated from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See `Database.reading`: readers do not wait for writers here anyway."""
        with self.transaction():
            yield

    def query(self, sql: str, values: Sequence[Value], schema: pl.Schema) -> pl.DataFrame:
        """See `Database.query`."""
        with self._translated(), self._statement(sql, values) as statement:
            handle, _ = statement.execute_query()
            frame = pl.DataFrame(handle)
            if not self._open:
                self._connection.rollback()
        return frame.select(pl.col(column).cast(dtype) for column, dtype in schema.items())

    def stream(self, sql: str, values: Sequence[Value], schema: pl.Schema) -> Iterator[pl.DataFrame]:
        """See `Database.stream`: the driver's batches, as they come.

        The driver streams only by COPY, which takes no values: they must be integers and are written into the text.
        """
        literal = _PLACEHOLDER.sub(lambda place: str(int(values[int(place[1]) - 1] or 0)), sql)
        with self._translated(), self._statement(literal, ()) as statement:
            statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": _STREAM_BYTES})
            handle, _ = statement.execute_query()
            for part in stream_frames(handle):
                yield part.select(pl.col(column).cast(dtype) for column, dtype in schema.items())
        if not self._open:
            self._connection.rollback()

    def execute(self, sql: str, values: Sequence[Value] = ()) -> int:
        """See `Database.execute`."""
        with self._translated(), self._statement(sql, values) as statement:
            return int(statement.execute_update())

    def append(self, table: str, frame: pl.DataFrame) -> None:
        """See `Database.append`: COPY.

        The first large one is followed by ANALYZE: without statistics the planner takes a scope for a few rows and
        reads all of it for each key, until autovacuum comes by.
        """
        self._ingest(table, frame, {"adbc.ingest.mode": "adbc.ingest.mode.append"})
        if frame.height >= _LARGE_APPEND and table not in self._analyzed:
            self._analyzed.add(table)
            self.execute(f"ANALYZE {table}")

    def stage(self, name: str, frame: pl.DataFrame) -> None:
        """See `Database.stage`."""
        self.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
        self._ingest(name, frame, {"adbc.ingest.mode": "adbc.ingest.mode.create", "adbc.ingest.temporary": "true"})

    def script(self, sql: str) -> None:
        """See `Database.script`."""
        with self.transaction():
            self.execute(f"SELECT pg_advisory_xact_lock({SCRIPT_LOCK})")
            for part in sql.split(";\n"):
                if part.strip():
                    self.execute(part)

    def now_us(self) -> int:
        """See `Database.now_us`: the server's clock, which all machines share."""
        sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now"
        return int(self.query(sql, (), pl.Schema({"now": pl.Int64})).item())

    def close(self) -> None:
        """See `Database.close`."""
        with suppress(adbc.Error):
            self._connection.close()
        with suppress(adbc.Error):
            self._database.close()

    def _ingest(self, table: str, frame: pl.DataFrame, options: dict[str, str]) -> None:
        with self._translated():
            statement = adbc.AdbcStatement(self._connection)
            try:
                statement.set_options(**{"adbc.ingest.target_table": table, **options})
                statement.bind_stream(in_pieces(frame))
                statement.execute_update()
            finally:
                statement.close()

    @contextmanager
    def _statement(self, sql: str, values: Sequence[Value]) -> Iterator[adbc.AdbcStatement]:
        statement = adbc.AdbcStatement(self._connection)
        try:
            statement.set_sql_query(sql)
            if values:
                statement.bind_stream(_row(values))
            yield statement
        finally:
            statement.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PonteError:
            raise
        except adbc.Error as error:
            raise self._translate(error) from error

    def _translate(self, error: adbc.Error) -> PonteError:
        state = error.sqlstate or ""
        text = str(error).splitlines()[0][:300]
        if isinstance(error, adbc.IntegrityError) or state.startswith("23"):
            return StateError(
                f"The ledger {self._shown} contradicts the run: {text}. Nothing of this chunk is written. "
                "Next: ponte ledger check",
                reason="LedgerContradiction",
            )
        if state in _REFUSED or "password authentication failed" in str(error):
            return CredentialsRefused(f"The ledger {self._shown} refused the login. Next: check its user and password.")
        if state in _FORBIDDEN:
            return ConfigurationError(
                f"The ledger {self._shown} cannot be used by this user: {text}. Next: create the database, and let the "
                "user create tables in it.",
                reason="LedgerForbidden",
            )
        if state[:2] in _TRANSIENT_CLASSES or state == _READ_ONLY or "connection" in text.lower():
            why = text.rpartition("[libpq] ")[2].removeprefix("Failed to connect: ")
            return TransientError(
                f"The ledger {self._shown} cannot be reached now: {why}. Next: run it again once the database answers.",
                reason="LedgerUnavailable",
            )
        return StateError(
            f"The ledger {self._shown} cannot be used: {text}. Next: look at the server and its log, "
            "then ponte ledger check",
            reason="LedgerUnusable",
        )


def _row(values: Sequence[Value]) -> pl.DataFrame:
    types = {int: pl.Int64, bytes: pl.Binary}
    return pl.DataFrame(
        [pl.Series(f"p{i}", [value], dtype=types.get(type(value), pl.String)) for i, value in enumerate(values)]
    )
