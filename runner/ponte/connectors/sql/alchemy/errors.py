"""What an error behind SQLAlchemy means for the run. Credentials and values of records never get into a message.

By SQLSTATE where the driver tells it; else by the class of DB-API 2.0 (PEP 249), whose meaning the drivers share.
"""

from __future__ import annotations

from typing import Any

from ponte.connectors.relational.client import RefusedError
from ponte.connectors.relational.next_steps import REFUSED_STATEMENT, with_step
from ponte.connectors.relational.sqlstates import LOST, translate
from ponte.errors import ConfigurationError, CredentialsRefused, PonteError, TransientError

_LOGIN = ("password", "authenticat", "credential", "login", "not authorized", "access denied", "ora-01017")
_MISSING = ("no such file", "does not exist", "unknown database")
_MOST = 300


def translate_dbapi(error: Any, label: str, secret: str, *, is_connecting: bool) -> PonteError | RefusedError:
    """The error to raise for a `sqlalchemy.exc.DBAPIError`.

    Args:
        error: what SQLAlchemy raised.
        label: the SyncSource, for messages.
        secret: the password, which a careless driver might repeat.
        is_connecting: whether the database was being reached.
    """
    kind, told = type(error).__name__, _told(error.orig, secret)
    if is_connecting:
        return _of_connecting(error, label, told)
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(state, str) and len(state) == 5:
        return translate(state, label, told)
    if error.connection_invalidated:
        return TransientError(
            f"{label}: the connection to the database was lost. Next: run it again; it goes on.", reason=LOST
        )
    if kind in {"DataError", "IntegrityError"}:
        return RefusedError("RefusedByTarget", f"it cannot compute the rows ({type(error.orig).__name__})")
    if kind in {"OperationalError", "InternalError"}:
        return TransientError(f"{label}: {told}.")
    return ConfigurationError(f"{label}: the database refused a statement: {told}. {REFUSED_STATEMENT}.")


def _of_connecting(error: Any, label: str, told: str) -> PonteError:
    state, words = _state_of(error.orig), told.lower()
    if state[:2] == "28" or any(mark in words for mark in _LOGIN):
        return CredentialsRefused(f"{label}: the login was refused. Next: check user name and password.")
    if any(mark in words for mark in _MISSING):
        return ConfigurationError(
            with_step(f"{label}: there is no such database: {told}", "DatabaseMissing"), reason="DatabaseMissing"
        )
    if state[:2] == "IM" or type(error).__name__ in {"ProgrammingError", "NotSupportedError"}:
        return ConfigurationError(
            f"{label}: the database refused the connection: {told}. Next: look at sql.url and its options."
        )
    return TransientError(f"{label}: the database cannot be reached: {told}.", reason=LOST)


def _state_of(error: Any) -> str:
    """The SQLSTATE, where the driver gives one as an attribute or, as pyodbc does, before its text; else nothing."""
    first = error.args[0] if getattr(error, "args", ()) else ""
    return str(getattr(error, "sqlstate", None) or (first if isinstance(first, str) and len(first) == 5 else ""))


def translate_foreign(error: Exception, label: str, doing: str) -> ConfigurationError:
    """The error to raise for one that dialect or driver let through; its text may hold anything, and is not shown."""
    return ConfigurationError(
        f"{label}: {doing} failed inside the driver ({type(error).__name__}). Next: look at the options of sql.url, at"
        " the versions of dialect and driver, and whether the client library that the driver loads is installed."
    )


def _told(error: object, secret: str) -> str:
    """The driver's own words in one line, without a literal of the statement's data."""
    match getattr(error, "args", ()):
        case [str(state), str(said)] if len(state) == 5:  # pyodbc: SQLSTATE, then the text
            pass
        case _:
            said = str(error)
    lines = [line.strip(" -") for line in said.partition("\n\n")[0].splitlines()]
    text = " ".join(line for line in lines if line)[:_MOST].rstrip(".!")
    return text.replace(secret, "***") if secret else text
