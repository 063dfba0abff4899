"""One connection by SQLAlchemy Core. SQLAlchemy and the dialect are loaded here, and only for a URL that needs them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.pool import NullPool

from ponte.connectors.relational.catalogue import Column, Relation, did_you_mean
from ponte.connectors.relational.client import RefusedError, Rows
from ponte.connectors.sql.alchemy.columns import answer_column, is_unscaled, table_column
from ponte.connectors.sql.alchemy.decoding import decode
from ponte.connectors.sql.alchemy.errors import translate_dbapi, translate_foreign
from ponte.connectors.sql.alchemy.products import Product, product_of
from ponte.errors import ConfigurationError, PonteError

warnings.filterwarnings("ignore", category=exc.SAWarning, message="Did not recognize type")  # it arrives as text


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is.

    Attributes:
        url: as the SyncSource has it, without credentials.
        label: the SyncSource, for messages.
    """

    url: str
    user: str
    password: str
    label: str

    def __repr__(self) -> str:
        return f"Address({self.label})"


@dataclass(frozen=True, slots=True)
class Selectable:
    """A relation, and how SQLAlchemy reads it."""

    relation: Relation
    clause: sa.FromClause

    def read(self, columns: Sequence[Column]) -> list[sa.ColumnElement[Any]]:
        """The columns as they are read: JSON as its text, before a driver makes floats of its numbers."""
        return [
            sa.cast(self.clause.c[column.name], sa.String).label(column.name)
            if column.kind == "json"
            else self.clause.c[column.name]
            for column in columns
        ]


class AlchemySession:
    """One connection. Blocking, for one thread at a time; it never writes."""

    def __init__(self, address: Address) -> None:
        self._address = address
        engine, product = _engine(address)
        with self._translated("connecting", is_connecting=True):
            options = {"isolation_level": product.isolation} if product.isolation else {}
            self._connection = engine.connect().execution_options(**options)

    def probe(self) -> None:
        """Asks the dialect's own question whether the connection stands."""
        with self._translated("the probe"):
            raw: Any = self._connection.connection.dbapi_connection
            self._connection.dialect.do_ping(raw)

    def names(self) -> list[str]:
        """Tables and views of the schema that is searched."""
        with self._translated("reading the catalogue"):
            inspector = sa.inspect(self._connection)
            return sorted({*inspector.get_table_names(), *_views(inspector)})

    def find(self, table: str | None, query: str | None) -> Selectable:
        """A table or view by its name, with its schema where needed, or a query."""
        with self._translated("reading the catalogue"):
            return self._query(query) if query is not None else self._table(table or "")

    def rows(self, select: sa.Select[Any], columns: Sequence[Column], batch_size: int) -> Iterator[Rows]:
        """Rows as the database finds them, by a cursor of the server where the driver has one."""
        with self._translated("reading"):
            streaming = {"stream_results": True, "max_row_buffer": batch_size}
            result = self._connection.execution_options(**streaming).execute(select)
            try:
                while rows := result.fetchmany(batch_size):
                    yield decode(rows, columns)
            finally:
                result.close()

    def one(self, select: sa.Select[Any]) -> Any:
        """The one value."""
        with self._translated("reading"):
            result = self._connection.execute(select)
            try:
                row = result.fetchone()
            finally:
                result.close()
            return None if row is None else row[0]

    def close(self) -> None:
        """Closes the connection, without effect on the database."""
        try:
            self._connection.close()
        except Exception:  # noqa: BLE001 - a driver may raise what it likes for a connection that is gone
            self._connection.invalidate()

    def _table(self, name: str) -> Selectable:
        inspector = sa.inspect(self._connection)
        schema, table = self._located(inspector, name)
        described = inspector.get_columns(table, schema=schema)
        columns = [table_column(dict(column), self._connection.dialect) for column in described]
        clause = sa.table(table, *(sa.column(c["name"], _read_as(c["type"])) for c in described), schema=schema)
        if any(map(is_unscaled, columns)):
            columns = _with_scales(columns, self._answer(clause))
        keys = _unique_keys(inspector, table, schema)
        return Selectable(Relation("", f"{self._address.label}: {name}", tuple(columns), keys), clause)

    def _query(self, query: str) -> Selectable:
        text = sa.text(query.strip().rstrip(";").replace(":", "\\:") + "\n")
        columns = self._answer(text.columns().subquery("t"))
        names = [column.name for column in columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(
                f"{self._address.label}: the query gives {', '.join(twice)} more than once. Next: name each apart (AS)."
            )
        clause = text.columns(*(sa.column(c.name, bound_type(c)) for c in columns)).subquery("t")
        return Selectable(Relation("", f"{self._address.label}: the query", tuple(columns)), clause)

    def _answer(self, clause: sa.FromClause) -> list[Column]:
        """What the driver says of an answer without rows."""
        nothing: sa.Select[Any] = sa.select(sa.literal_column("*")).select_from(clause).where(sa.false())
        result: sa.CursorResult[Any]
        with self._connection.execute(nothing) as result:
            described = result.cursor.description if result.cursor is not None else ()
            return [answer_column(name, column) for name, column in zip(result.keys(), described, strict=True)]

    def _located(self, inspector: sa.Inspector, name: str) -> tuple[str | None, str]:
        """Schema, None for the one that is searched, and name of a table or view."""
        known = {*inspector.get_table_names(), *_views(inspector)}
        if name in known:
            return None, name
        schema, _, table = name.rpartition(".")
        if schema and schema in _schemas(inspector):
            known = {*inspector.get_table_names(schema), *_views(inspector, schema)}
            if table in known:
                return schema, table
            known = {f"{schema}.{found}" for found in known}
        raise ConfigurationError(
            f"{self._address.label}: there is no table {name!r}.{did_you_mean(name, known)}", reason="TableMissing"
        )

    @contextmanager
    def _translated(self, doing: str, *, is_connecting: bool = False) -> Iterator[None]:
        try:
            yield
        except (PonteError, RefusedError):
            raise
        except exc.DBAPIError as error:
            told = translate_dbapi(error, self._address.label, self._address.password, is_connecting=is_connecting)
            raise told from error
        except Exception as error:  # of a dialect or a driver, which may raise what they like
            raise translate_foreign(error, self._address.label, doing) from error


def _engine(address: Address) -> tuple[sa.Engine, Product]:
    """What connects, when asked to. Raises ConfigurationError where dialect or driver are missing, or for a bad URL."""
    name = address.url.partition(":")[0].partition("+")[0]
    product = product_of(name)
    try:
        url = sa.make_url(address.url)
        url = url.set(username=address.user or None, password=address.password or None)
        with warnings.catch_warnings(action="ignore", category=exc.SAWarning):  # what matters comes as an error too
            engine = sa.create_engine(url, poolclass=NullPool, connect_args=product.arguments)
    except (exc.NoSuchModuleError, ImportError) as error:
        raise ConfigurationError(
            f"{address.label}: what reads {name!r} is not installed. Next: {product.install}", reason="ExtraMissing"
        ) from error
    except (exc.ArgumentError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{address.label}: sql.url is none that the SQLAlchemy dialect {name!r} takes. Next: write it as"
            f" {name}://HOST:PORT/DATABASE, with the options that its documentation names."
        ) from error
    return engine, product


def bound_type(column: Column) -> sa.types.TypeEngine[Any]:
    """The type by which a column of a query is compared and read."""
    return _BOUND.get(column.kind, sa.types.NullType)()


_BOUND: dict[str, Callable[[], sa.types.TypeEngine[Any]]] = {
    "integer": sa.BigInteger,
    "decimal": sa.Numeric,
    "float": sa.Double,
    "boolean": sa.Boolean,
    "date": sa.Date,
    "datetime": sa.DateTime,
    "datetimetz": lambda: sa.DateTime(timezone=True),
}


def _read_as(type_: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    """The type, but for those whose values SQLAlchemy would judge or take apart: JSON's numbers would become floats."""
    if isinstance(type_, sa.JSON):
        return sa.types.NullType()
    if isinstance(type_, sa.Enum):
        return sa.String(type_.length)
    if isinstance(type_, sa.String) and type_.collation is not None:  # the column has it anyhow
        type_ = type_.copy()
        type_.collation = None
    return type_


def _with_scales(columns: list[Column], answered: list[Column]) -> list[Column]:
    """The columns; decimals whose scale the catalogue does not tell have that of the driver's answer."""
    return [
        replace(column, precision=told.precision, scale=told.scale) if is_unscaled(column) else column
        for column, told in zip(columns, answered, strict=True)
    ]


def _views(inspector: sa.Inspector, schema: str | None = None) -> list[str]:
    try:
        return inspector.get_view_names(schema)
    except NotImplementedError:  # of dialects whose database has none
        return []


def _schemas(inspector: sa.Inspector) -> list[str]:
    try:
        return inspector.get_schema_names()
    except NotImplementedError:  # of dialects whose database has none
        return []


def _unique_keys(inspector: sa.Inspector, table: str, schema: str | None) -> tuple[frozenset[str], ...]:
    """Column sets that hold each combination once; indexes on expressions, or on a part of the rows, do not count."""
    found = [inspector.get_pk_constraint(table, schema=schema).get("constrained_columns") or []]
    found += [constraint["column_names"] for constraint in _or_none(inspector.get_unique_constraints, table, schema)]
    for index in _or_none(inspector.get_indexes, table, schema):
        is_whole = not any((index.get("dialect_options") or {}).values())
        if index.get("unique") and is_whole and None not in index["column_names"]:
            found.append(index["column_names"])
    return tuple({frozenset(map(str, names)): None for names in found if names})


def _or_none(ask: Callable[..., list[Any]], table: str, schema: str | None) -> list[Any]:
    """What a dialect says of a table; nothing where it cannot tell, and then reading does not rely on it."""
    try:
        return ask(table, schema=schema)
    except NotImplementedError:
        return []
