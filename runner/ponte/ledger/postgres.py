"""PostgreSQL for a cluster: Arrow in and out by ADBC, which also spares a run the import of a second driver."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import polars as pl

from ponte.errors import ConfigurationError, CredentialsRefused, PonteError, StateError, TransientError
from ponte.ledger.database import Value

try:
    import adbc_driver_manager as adbc
    import adbc_driver_postgresql
    from nanoarrow import c_array_stream
except ImportError as error:
    raise ConfigurationError(
        "A PostgreSQL ledger needs drivers that are not installed. Next: pip install 'ponte-sync[postgresql]'",
        reason="ExtraMissing",
    ) from error

_PLACEHOLDER = re.compile(r"\$(\d+)")
_STREAM_BYTES = str(4 * 1024 * 1024)
_TRANSIENT_CLASSES = ("08", "40", "53", "57")
_REFUSED = ("28000", "28P01")


class PostgresDatabase:
    """A connection to a ledger database.

    Args:
        url: postgresql:// address, with user and password if it needs them; never shown.
        shown: the same without them, for messages.
    """

    def __init__(self, url: str, shown: str) -> None:
        self._shown = shown
        with self._translated():
            self._database = adbc.AdbcDatabase(driver=adbc_driver_postgresql._driver_path(), uri=url)
            self._connection = adbc.AdbcConnection(self._database)
            self._connection.set_autocommit(False)
            self._open = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Database.transaction`."""
        with self._translated():
            try:
                self._open = True
                yield
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise
            finally:
                self._open = False

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
            for part in c_array_stream(handle):
                yield pl.DataFrame(part).select(pl.col(column).cast(dtype) for column, dtype in schema.items())
        if not self._open:
            self._connection.rollback()

    def execute(self, sql: str, values: Sequence[Value] = ()) -> int:
        """See `Database.execute`."""
        with self._translated(), self._statement(sql, values) as statement:
            return int(statement.execute_update())

    def append(self, table: str, frame: pl.DataFrame) -> None:
        """See `Database.append`: COPY."""
        self._ingest(table, frame, {"adbc.ingest.mode": "adbc.ingest.mode.append"})

    def stage(self, name: str, frame: pl.DataFrame) -> None:
        """See `Database.stage`."""
        self.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
        self._ingest(name, frame, {"adbc.ingest.mode": "adbc.ingest.mode.create", "adbc.ingest.temporary": "true"})

    def script(self, sql: str) -> None:
        """See `Database.script`."""
        with self.transaction(), self._translated():
            for part in sql.split(";\n"):
                if part.strip():
                    self.execute(part)

    def now_us(self) -> int:
        """See `Database.now_us`: the server's clock, which all machines share."""
        sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now"
        return int(self.query(sql, (), pl.Schema({"now": pl.Int64})).item())

    def close(self) -> None:
        """See `Database.close`."""
        self._connection.close()
        self._database.close()

    def _ingest(self, table: str, frame: pl.DataFrame, options: dict[str, str]) -> None:
        with self._translated():
            statement = adbc.AdbcStatement(self._connection)
            try:
                statement.set_options(**{"adbc.ingest.target_table": table, **options})
                statement.bind_stream(frame)
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
        except adbc.IntegrityError:
            raise
        except adbc.Error as error:
            raise self._translate(error) from error

    def _translate(self, error: adbc.Error) -> PonteError:
        state = error.sqlstate or ""
        text = str(error).splitlines()[0][:300]
        if state in _REFUSED or "password authentication failed" in str(error):
            return CredentialsRefused(f"The ledger {self._shown} refused the login. Check its user and password.")
        if state[:2] in _TRANSIENT_CLASSES or "connection" in text.lower():
            return TransientError(f"The ledger {self._shown} cannot be reached now: {text}", reason="LedgerUnavailable")
        return StateError(f"The ledger {self._shown} cannot be used: {text}", reason="LedgerUnusable")


def _row(values: Sequence[Value]) -> pl.DataFrame:
    types = {int: pl.Int64, bytes: pl.Binary}
    return pl.DataFrame(
        [pl.Series(f"p{i}", [value], dtype=types.get(type(value), pl.String)) for i, value in enumerate(values)]
    )
