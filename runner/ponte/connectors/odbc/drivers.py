"""The two ways to a driver, inside its own process: arrow-odbc, which fetches columns, and pyodbc, which fetches rows.

Rows travel as Arrow IPC streams. By pyodbc all values but binary ones travel as exact text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, time
from decimal import Decimal
from typing import Any, Protocol

ARROW, PYODBC = "arrow", "pyodbc"
PACKAGES = ("pyodbc", "pyarrow", "arrow_odbc")
"""What is imported, in this order."""
_ARROW_ERROR = re.compile(r"State: (\w{5}), Native error: (-?\d+), Message: (.*)", re.DOTALL)
_PYODBC_NATIVE = re.compile(r"\((-?\d+)\) \(SQL\w+\)|\((-?\d+)\)(?: \(\w+\))?$")


class DriverError(Exception):
    """What a driver or the driver manager said.

    Args:
        facts: `state` (SQLSTATE or a word of ours), `native` and `message`.
    """

    def __init__(self, **facts: Any) -> None:
        super().__init__(facts.get("message"))
        self.facts = facts


class Driver(Protocol):
    """One connection."""

    def execute(self, statement: str, parameters: Sequence[str]) -> None:
        """Runs a statement."""
        ...

    def rows(self, asked: dict[str, Any]) -> Iterator[memoryview]:
        """Rows of a statement as Arrow IPC streams."""
        ...

    def fill(self, asked: dict[str, Any], body: bytes | memoryview) -> int:
        """Inserts the rows of an Arrow IPC stream, so many `rows` at once, into a `table`; its names are quoted.

        Returns how many were taken, by the query `count`, where there is one.
        """
        ...

    def catalogue(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Rows of a catalogue function of ODBC, as text, under `rows`."""
        ...

    def commit(self) -> None:
        """Commits."""
        ...

    def rollback(self) -> None:
        """Rolls back."""
        ...

    def close(self) -> None:
        """Rolls back, and ends the connection."""
        ...


def open_driver(asked: dict[str, Any]) -> tuple[Driver, dict[str, Any]]:
    """Connects once to see what database it is, if that is not known yet; then as it is best for it.

    Args:
        asked: `connection` (string), `driver` (its name or None), `profiles` (by name of the DBMS: `by`, `options`,
            `autocommit`; the last one, "", for any other), `loginTimeout` and `timeout` in seconds.
    """
    pyodbc = _import_pyodbc()
    _check_installed(pyodbc, asked["driver"])
    facts = _facts(asked["connection"], asked["loginTimeout"])
    name = next((name for name in asked["profiles"] if name and facts["dbms"].upper().startswith(name)), "")
    profile = asked["profiles"][name]
    given = asked["given"]
    extra = "".join(f";{key}={value}" for key, value in profile["options"].items() if key.casefold() not in given)
    connection = asked["connection"] + extra
    if profile["by"] == ARROW:
        driver: Driver = ArrowDriver(connection, asked, is_autocommit=profile["autocommit"])
    else:
        driver = PyodbcDriver(pyodbc, connection, asked, is_autocommit=profile["autocommit"])
    return driver, {**facts, "profile": name}


@functools.lru_cache(maxsize=1)
def _facts(connection: str, login_timeout: int) -> dict[str, Any]:
    """What the driver says of itself and of the database; asked once, since it takes a login of its own."""
    import pyodbc  # noqa: PLC0415 - belongs to the extra

    with _pyodbc_errors(pyodbc):
        first = pyodbc.connect(connection, autocommit=True, timeout=login_timeout)
        facts = {"dbms": first.getinfo(pyodbc.SQL_DBMS_NAME), "version": first.getinfo(pyodbc.SQL_DBMS_VER)}
        facts["driver"] = first.getinfo(pyodbc.SQL_DRIVER_NAME)
        with suppress(pyodbc.Error):
            facts["quote"] = first.getinfo(pyodbc.SQL_IDENTIFIER_QUOTE_CHAR)
        first.close()
    return facts


class ArrowDriver:
    """A connection of arrow-odbc."""

    def __init__(self, connection: str, asked: dict[str, Any], *, is_autocommit: bool) -> None:
        try:
            import arrow_odbc  # noqa: PLC0415 - belongs to the extra
        except (ImportError, OSError) as error:  # OSError: its library cannot be loaded
            raise _missing(error) from error
        self._error, self._is_autocommit = arrow_odbc.Error, is_autocommit
        with self._translated():
            self._connection = arrow_odbc.connect(
                connection, login_timeout_sec=asked["loginTimeout"], autocommit=is_autocommit
            )

    def execute(self, statement: str, parameters: Sequence[str]) -> None:
        """Runs a statement."""
        with self._translated():
            self._connection.execute(statement, parameters=list(parameters))

    def rows(self, asked: dict[str, Any]) -> Iterator[memoryview]:
        """By bulk fetches into buffers of `bytes`; `textBytes` is the widest text without a declared width."""
        with self._translated():
            reader = self._connection.read_arrow_batches(
                asked["statement"],
                parameters=asked["parameters"],
                batch_size=min(asked["batchSize"], 65535),
                max_bytes_per_batch=asked["bytes"],
                max_text_size=asked["textBytes"],
                max_binary_size=asked["textBytes"],
                falliable_allocations=True,
                fetch_concurrently=asked["ahead"],
            )
            for batch in reader:
                yield _stream(batch)

    def fill(self, asked: dict[str, Any], body: bytes | memoryview) -> int:
        """By arrays of parameters, as wide as the widest value.

        A driver that takes an array apart may tell of a row that failed where arrow-odbc does not look.
        """
        rows, size, taken = _opened(body), asked["rows"], 0
        with self._translated():
            for start in range(0, rows.num_rows, size):
                piece = rows.slice(start, size)
                self._connection.insert_into_table(piece.to_reader(), asked["table"], size)
                taken += piece.num_rows if asked["count"] is None else self._number(asked["count"])
        return taken

    def _number(self, query: str) -> int:
        (batch,) = self._connection.read_arrow_batches(query, batch_size=1)
        return int(batch.column(0)[0].as_py())

    def catalogue(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The columns of a query; catalogue functions are for databases that have no catalogue in SQL."""
        if asked["function"] == "describe":
            with self._translated():
                reader = self._connection.read_arrow_batches(
                    asked["statement"], batch_size=1, max_text_size=64, max_binary_size=64
                )
                return {"rows": [{"column_name": field.name, "arrow": str(field.type)} for field in reader.schema]}
        raise DriverError(state="HYC00", native=0, message=f"no catalogue function {asked['function']}")

    def commit(self) -> None:
        """Commits."""
        with self._translated():
            self._connection.commit()

    def rollback(self) -> None:
        """Rolls back."""
        with self._translated():
            self._connection.rollback()

    def close(self) -> None:
        """Rolls back, and ends the connection, which does so when nobody holds it any more."""
        if not self._is_autocommit:
            self.rollback()
        del self._connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            found = _ARROW_ERROR.search(str(error))
            if found is None:
                raise DriverError(state="not-carried", native=0, message=str(error)) from error
            raise DriverError(state=found.group(1), native=int(found.group(2)), message=found.group(3)) from error


class PyodbcDriver:
    """A connection of pyodbc."""

    def __init__(self, pyodbc: Any, connection: str, asked: dict[str, Any], *, is_autocommit: bool) -> None:
        self._pyodbc = pyodbc
        with _pyodbc_errors(pyodbc):
            self._connection = pyodbc.connect(connection, autocommit=is_autocommit, timeout=asked["loginTimeout"])
            with suppress(pyodbc.Error):  # not every driver has such a timeout
                self._connection.timeout = asked["timeout"]

    def execute(self, statement: str, parameters: Sequence[str]) -> None:
        """Runs a statement."""
        with _pyodbc_errors(self._pyodbc):
            self._connection.execute(statement, *parameters).close()

    def rows(self, asked: dict[str, Any]) -> Iterator[memoryview]:
        """By rows; a value of any length is fetched in pieces."""
        with _pyodbc_errors(self._pyodbc):
            cursor = self._connection.execute(asked["statement"], *asked["parameters"])
            names = [column[0] for column in cursor.description]
            while rows := cursor.fetchmany(min(asked["batchSize"], asked["fetch"])):
                yield _stream(_columns(names, rows))
            cursor.close()

    def fill(self, asked: dict[str, Any], body: bytes | memoryview) -> int:
        """Row by row: its arrays of parameters are as wide as the columns, which may be 2 GB. Each may fail, loudly."""
        rows = _opened(body)
        names = rows.schema.names
        statement = f"INSERT INTO {asked['table']} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        with _pyodbc_errors(self._pyodbc):
            cursor = self._connection.cursor()
            columns = (column.to_pylist() for column in rows.columns)
            cursor.executemany(statement, list(zip(*columns, strict=True)))
            cursor.close()
        return int(rows.num_rows)

    def catalogue(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Rows of SQLTables, SQLColumns, SQLPrimaryKeys or SQLStatistics; or the columns of a query."""
        with _pyodbc_errors(self._pyodbc):
            cursor = self._connection.cursor()
            if asked["function"] == "describe":
                cursor.execute(asked["statement"])  # rows are not fetched
                return {"rows": [_described(column) for column in cursor.description]}
            rows = getattr(cursor, asked["function"])(**asked["arguments"]).fetchall()
            names = [column[0].lower() for column in cursor.description]
            return {"rows": [dict(zip(names, map(_plain, row), strict=True)) for row in rows]}

    def commit(self) -> None:
        """Commits."""
        with _pyodbc_errors(self._pyodbc):
            self._connection.commit()

    def rollback(self) -> None:
        """Rolls back."""
        with _pyodbc_errors(self._pyodbc):
            self._connection.rollback()

    def close(self) -> None:
        """Ends the connection, which rolls back."""
        with _pyodbc_errors(self._pyodbc):
            self._connection.close()


def _import_pyodbc() -> Any:
    try:
        import pyarrow as pa  # noqa: F401, PLC0415 - belongs to the extra; missed here, not while rows are read
        import pyodbc  # noqa: PLC0415 - belongs to the extra
    except ImportError as error:
        raise _missing(error) from error
    pyodbc.pooling = False
    pyodbc.native_uuid = True
    return pyodbc


def _missing(error: ImportError | OSError) -> DriverError:
    state = "library-missing" if "libodbc.so" in str(error) else "extra-missing"
    return DriverError(state=state, native=0, message=getattr(error, "name", None) or str(error))


def _check_installed(pyodbc: Any, driver: str | None) -> None:
    if driver is None or driver.startswith("/"):
        return
    installed = pyodbc.drivers()
    if driver.casefold() not in {name.casefold() for name in installed}:
        raise DriverError(state="driver-missing", native=0, message=driver, installed=installed)


@contextmanager
def _pyodbc_errors(pyodbc: Any) -> Iterator[None]:
    try:
        yield
    except pyodbc.Error as error:
        state = str(error.args[0]) if error.args else ""
        message = str(error.args[1]) if len(error.args) > 1 else ""
        native = _PYODBC_NATIVE.search(message)
        number = int(native.group(1) or native.group(2)) if native else 0
        raise DriverError(state=state if len(state) == 5 else "", native=number, message=message) from error
    except UnicodeError as error:
        raise DriverError(state="22021", native=0, message="a text cannot be decoded") from error


def _opened(body: bytes | memoryview) -> Any:
    """A table of rows; arrow-odbc takes no bytes of the large kind."""
    import pyarrow as pa  # noqa: PLC0415 - belongs to the extra

    table = pa.ipc.open_stream(pa.py_buffer(body)).read_all()
    if pa.large_binary() not in table.schema.types:
        return table
    kinds = [pa.binary() if field.type == pa.large_binary() else field.type for field in table.schema]
    return table.cast(pa.schema(list(zip(table.schema.names, kinds, strict=True))))


def _stream(batch: Any) -> memoryview:
    import pyarrow as pa  # noqa: PLC0415 - belongs to the extra

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return memoryview(sink.getvalue())


def _columns(names: Sequence[str], rows: list[Any]) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - belongs to the extra

    arrays = [_array(pa, values) for values in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _array(pa: Any, values: tuple[Any, ...]) -> Any:
    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {str}:
        return pa.array(values, type=pa.large_string())
    if kinds <= {bytes, bytearray}:
        return pa.array(values, type=pa.large_binary())
    return pa.array([_plain(value) for value in values], type=pa.large_string())


def _plain(value: Any) -> str | None:
    """The exact text of a value: decimals without exponent, times by ISO 8601, floats by their shortest form."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (date, time)):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def _described(column: Any) -> dict[str, str | None]:
    name, kind, _, size, precision, scale, nullable = column
    return {
        "column_name": name,
        "python": kind.__name__,
        "column_size": _plain(precision if precision is not None else size),
        "decimal_digits": _plain(scale),
        "nullable": "1" if nullable or nullable is None else "0",
    }
