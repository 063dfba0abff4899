"""What an error of a database means, by SQLSTATE. Values of records and credentials never get into a message.

Source: PostgreSQL documentation, appendix A (error codes).
"""

from __future__ import annotations

import re

from ponte.connectors.relational.client import RefusedError
from ponte.connectors.relational.next_steps import REFUSED_STATEMENT, with_step
from ponte.errors import ConfigurationError, CredentialsRefused, PonteError, TransientError

_DATA = {
    "22001": ("TooLong", "a text is longer than its column"),
    "22003": ("OutOfRange", "a number is out of the column's range"),
    "22008": ("OutOfRange", "a date or time is out of range"),
    "22021": ("InvalidText", "a text holds a character that the database cannot store"),
    "22P02": ("NotConvertible", "a text does not stand for a value of the column's type"),
    "23502": ("RequiredFieldMissing", "the column must not be empty"),
    "23503": ("ReferenceMissing", "the record refers to one that is not there, or is referred to"),
    "23505": ("DuplicateAtTarget", "another record of the target already has this value"),
    "23514": ("CheckFailed", "the record breaks a check of the target"),
    "23P01": ("CheckFailed", "the record breaks an exclusion constraint of the target"),
    "21000": ("DuplicateTargetKey", "two records of one chunk have the same key"),
}
_LOGIN_MARKS = ("password", "authentication", "role", "pg_hba.conf")  # of errors before a SQLSTATE can be had
_PASSING = ("canceling", "deadlock", "serialize", "terminating", "out of memory", "No space")
LOST = "ConnectionLost"
_LOST_CLASSES = {"", "08", "57"}
_TRANSIENT = {"40", "53", "57", "58", "08", "55"}
_CONFIGURATION = {
    "3D000": "DatabaseMissing",
    "42P01": "TableMissing",
    "42703": "FieldMissing",
    "3F000": "SchemaMissing",
    "42501": "PermissionDenied",
}


def translate(
    sqlstate: str | None, label: str, primary: str, *, constraint: str | None = None, column: str | None = None
) -> PonteError | RefusedError:
    """The error to raise for one of the server.

    Args:
        sqlstate: five characters; None when the server was not reached.
        label: the SyncSource and where it is, for messages.
        primary: the server's own one-line message; used only where it cannot hold values of a record.
        constraint: name of the constraint that was broken, where the server says it.
        column: name of the column to blame, where the server says it.
    """
    code = sqlstate or ""
    data = _translate_data(code, primary, constraint, column)
    return data or _translate_state(code, label, primary)


def translate_broken_stream(message: str, label: str) -> PonteError | RefusedError:
    """The error to raise for rows that broke off while the connection stands.

    Args:
        message: of the driver; values of records in it are behind a colon or a quote.
        label: the SyncSource.
    """
    primary = message.rpartition("ERROR: ")[2]
    if any(mark in primary for mark in _PASSING):
        return TransientError(f"{label}: the database broke off the reading. Next: run it again.")
    told = re.split(r"[:\"'\n(]", primary.strip())[0].strip()[:200]
    return RefusedError("RefusedByTarget", f"it cannot compute the rows ({told})")


def _translate_data(code: str, primary: str, constraint: str | None, column: str | None) -> RefusedError | None:
    if code[:2] in {"22", "23"} or code in _DATA:
        return _refused(code, constraint, column)
    if code == "P0001":
        return RefusedError("RefusedByTarget", f"the target's own rule refused the record: {primary[:300]}", column)
    return None


def _translate_state(code: str, label: str, primary: str) -> PonteError:
    if code[:2] == "28" or (not code and any(mark in primary for mark in _LOGIN_MARKS)):
        return CredentialsRefused(f"{label}: the login was refused. Next: check user name and password.")
    if not code and primary.startswith("database ") and primary.endswith(" does not exist"):
        return ConfigurationError(with_step(f"{label}: {primary}", "DatabaseMissing"), reason="DatabaseMissing")
    if code[:2] in _LOST_CLASSES and code != "57014":  # 57014: the statement took too long; the connection stands
        return TransientError(f"{label}: {primary or 'the database cannot be reached'}.", reason=LOST)
    if code[:2] in _TRANSIENT:
        return TransientError(f"{label}: {primary or 'the database cannot be reached'}.")
    if code in _CONFIGURATION:
        return ConfigurationError(with_step(f"{label}: {primary}", _CONFIGURATION[code]), reason=_CONFIGURATION[code])
    return ConfigurationError(
        f"{label}: the database refused a statement: {primary} (SQLSTATE {code}). {REFUSED_STATEMENT}."
    )


def _refused(code: str, constraint: str | None, column: str | None) -> RefusedError:
    reason, message = _DATA.get(code, ("RefusedByTarget", f"the database refused the values (SQLSTATE {code})"))
    return RefusedError(reason, message + (f" ({constraint})" if constraint else ""), column)
