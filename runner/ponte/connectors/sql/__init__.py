"""Connector `sql`: SQLite by the standard library, PostgreSQL by ADBC, MariaDB by PyMySQL; others by SQLAlchemy."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from ponte.connectors.registry import References
from ponte.connectors.relational.client import Session
from ponte.connectors.relational.system import DatabaseSystem
from ponte.connectors.sql.description import describe
from ponte.connectors.sql.mysql.address import SCHEMES, Address, parse_address
from ponte.engine.ports import Clock, System
from ponte.errors import ConfigurationError
from ponte_api.sync_source import SqlSystem, SyncSource
from ponte_api.systems import SQL_SCHEMES

__all__ = ["connect", "describe"]

_SCHEME = re.compile(r"[a-z][a-z0-9_]*(\+[a-z0-9_]+)?")


def connect(source: SyncSource, references: References, clock: Clock) -> System:  # noqa: ARG001 - the connectors' signature
    """The database of a SyncSource. Nothing is reached yet.

    Raises:
        ConfigurationError: the address is none that this connector knows, or it holds a password.
    """
    spec = source.spec.sql
    if spec is None:
        raise ConfigurationError(f"{source.metadata.name}: this is no SQL database. Next: set spec.sql.")
    url, label = (
        references.setting(spec.url, f"{source.metadata.name}: sql.url"),
        source.metadata.name,
    )
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        path = _sqlite_path(url, label)
        return DatabaseSystem(source, lambda: _open_sqlite(path, label))
    if scheme in {"postgresql", "postgres"}:
        uri = _postgresql_uri(url, spec, references, label)
        return DatabaseSystem(source, lambda: _open_postgresql(uri, label))
    if scheme in SCHEMES:
        user, password = _login(url, spec, references, label)
        address = parse_address(url, user, password or "", label)
        return DatabaseSystem(source, lambda: _open_mysql(address, label))
    return _other(source, url, spec, references)


def _other(source: SyncSource, url: str, spec: SqlSystem, references: References) -> System:
    """Any other database, read by SQLAlchemy."""
    label = source.metadata.name
    scheme = url.partition("://")[0]
    name = scheme.partition("+")[0]
    if "://" not in url or name in SQL_SCHEMES or not _SCHEME.fullmatch(scheme):
        raise ConfigurationError(
            f"{label}: sql.url starts with {scheme[:40]!r}. Next: write sqlite:///PATH, "
            "postgresql://HOST:PORT/DATABASE, mariadb://HOST:PORT/DATABASE, or DIALECT://HOST:PORT/DATABASE of "
            "another SQLAlchemy dialect, to read."
        )
    if "odbc_connect=" in url:
        raise ConfigurationError(f"{label}: sql.url holds a connection string. Next: use the connector `odbc` for it.")
    user, password = _login(url, spec, references, label)
    return _connect_by_alchemy(source, url, user, password or "")


def _connect_by_alchemy(source: SyncSource, url: str, user: str, password: str) -> System:
    from ponte.connectors.sql.alchemy.session import Address as AlchemyAddress  # noqa: PLC0415 - only where needed
    from ponte.connectors.sql.alchemy.system import AlchemySystem  # noqa: PLC0415 - only where needed

    return AlchemySystem(source, AlchemyAddress(url, user, password, source.metadata.name))


def _sqlite_path(url: str, label: str) -> Path:
    if not url.startswith("sqlite:///") or len(url) == len("sqlite:///"):
        raise ConfigurationError(
            f"{label}: sql.url is no address of a file. Next: write it as sqlite:///PATH "
            "(sqlite:////PATH for an absolute one)."
        )
    return Path(url.removeprefix("sqlite:///"))


def _postgresql_uri(url: str, spec: SqlSystem, references: References, label: str) -> str:
    parts = urlsplit(url)
    user, secret = _login(url, spec, references, label)
    login = quote(user, safe="") + (f":{quote(secret, safe='')}" if secret is not None else "")
    host = parts.netloc.rpartition("@")[2]
    query = f"?{parts.query}" if parts.query else ""
    return f"postgresql://{login}{'@' if login else ''}{host}{parts.path}{query}"


def _login(url: str, spec: SqlSystem, references: References, label: str) -> tuple[str, str | None]:
    """User name and password, which are given by reference."""
    parts = urlsplit(url)
    if parts.password or "password=" in (parts.query or ""):
        raise ConfigurationError(
            f"{label}: sql.url holds a password. Next: take it out and name it by sql.password.secretRef."
        )
    user = references.setting(spec.username, f"{label}: sql.username") if spec.username else parts.username or ""
    secret = references.secret(spec.password, f"{label}: sql.password").reveal() if spec.password else None
    return user, secret


def _open_sqlite(path: Path, label: str) -> Session:
    from ponte.connectors.sql.sqlite import SqliteSession  # noqa: PLC0415 - only the driver that is needed

    return SqliteSession(path, label)


def _open_postgresql(uri: str, label: str) -> Session:
    from ponte.connectors.sql.postgresql import PostgresqlSession  # noqa: PLC0415 - only the driver that is needed

    return PostgresqlSession(uri, label)


def _open_mysql(address: Address, label: str) -> Session:
    from ponte.connectors.sql.mysql.session import MysqlSession  # noqa: PLC0415 - only the driver that is needed

    return MysqlSession(address, label)
