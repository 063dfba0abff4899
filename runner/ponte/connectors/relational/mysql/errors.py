"""What an error of MariaDB or MySQL means for the run, by its number. Values of records never get into a message.

Source: MariaDB "Error Code Reference", MySQL "Server Error Message Reference".
"""

from __future__ import annotations

import re

from ponte.connectors.relational.client import RefusedError
from ponte.connectors.relational.next_steps import REFUSED_STATEMENT, with_step
from ponte.errors import ConfigurationError, CredentialsRefused, PonteError, TransientError

LOST = "ConnectionLost"
_REACH = "Next: look whether it is up, at host and port of the address, and at what stands between (DNS, firewall)"
_COLLATION = " (upper and lower case, accents and blanks at the end may count as the same there: see its collation)"
_DATA = {
    1022: ("DuplicateAtTarget", "another record of the target already has this value"),
    1048: ("RequiredFieldMissing", "the column must not be empty"),
    1062: ("DuplicateAtTarget", "another record of the target already has this value"),
    1216: ("ReferenceMissing", "the record refers to one that is not there"),
    1217: ("ReferenceMissing", "other records refer to the record"),
    1264: ("OutOfRange", "a number is out of the column's range"),
    1265: ("NotConvertible", "the value is none that the column can hold"),
    1292: ("NotConvertible", "a text does not stand for a value of the column's type"),
    1364: ("RequiredFieldMissing", "the column must not be empty"),
    1366: ("NotConvertible", "the value holds what the column's type or encoding cannot"),
    1367: ("NotConvertible", "the value is none of the column's type"),
    1406: ("TooLong", "a text is longer than its column"),
    1411: ("NotConvertible", "the value is none of the column's type"),
    1416: ("NotConvertible", "the value is no geometry"),
    1441: ("OutOfRange", "a date or time is out of range"),
    1451: ("ReferenceMissing", "other records refer to the record"),
    1452: ("ReferenceMissing", "the record refers to one that is not there"),
    1525: ("NotConvertible", "the value is none of the column's type"),
    1586: ("DuplicateAtTarget", "another record of the target already has this value"),
    1690: ("OutOfRange", "a number is out of range"),
    3140: ("NotConvertible", "the text is no JSON"),
    3819: ("CheckFailed", "the record breaks a check of the target"),
    4025: ("CheckFailed", "the record breaks a check of the target"),
}
_TLS = 2026
_LOGIN = {1044, 1045, 1130, 1251, 1275, 1524, 1698, 1820, 1862, 3118, 4151}
_LOST = {1053, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2013, 2055}
_TRANSIENT = {1021, 1040, 1041, 1135, 1203, 1205, 1206, 1213, 1226, 1317, 1969, 3024, 4031}
_UNREACHED = {2002, 2003, 2005}
_CONFIGURATION = {
    1049: "DatabaseMissing",
    1054: "FieldMissing",
    1142: "PermissionDenied",
    1143: "PermissionDenied",
    1146: "TableMissing",
    1227: "PermissionDenied",
    1290: "PermissionDenied",
    1370: "PermissionDenied",
    1836: "PermissionDenied",
}
_NAMES = (
    re.compile(r"""CONSTRAINT [`'"]([^`'"]+)[`'"]"""),  # as the session's mode quotes
    re.compile(r"constraint '([^']+)' is violated"),
    re.compile(r"for key '([^']+)'$"),
)
_COLUMNS = (
    re.compile(r"""for column (?:[`"][^`"]*[`"]\.){0,2}[`'"]([^`'"]+)[`'"] at row \d+$"""),
    re.compile(r"^Column '([^']+)' cannot be null$"),
    re.compile(r"^Field '([^']+)' doesn't have a default value$"),
)

_REFUSED_CERTIFICATE = (
    "[SSL: CERTIFICATE_VERIFY_FAILED]",
    "_ALERT_UNKNOWN_CA]",
    "_ALERT_CERTIFICATE_",
    "_ALERT_HANDSHAKE_",
)
"""How the ssl module's errors begin that no further try heals."""


def translate(number: int, message: str, label: str) -> PonteError | RefusedError:
    """The error to raise for one of the server or of the driver.

    Args:
        number: of the error; 0 where the driver gives none.
        message: the server's; used only where it cannot hold values of a record.
        label: the SyncSource, for messages.
    """
    if number in _DATA:
        return _refused(number, message)
    if number == 1644:  # SIGNAL of a trigger
        return RefusedError("RefusedByTarget", f"the target's own rule refused the record: {message[:300]}")
    return _of_connection(number, message, label) or _of_statement(number, message, label)


def _of_connection(number: int, message: str, label: str) -> PonteError | None:
    if number in _LOGIN:
        return CredentialsRefused(
            f"{label}: the login was refused (error {number}). Next: check user name and password, and what the user "
            "may reach from this machine."
        )
    if number in _LOST or number == 0:
        return TransientError(
            f"{label}: the connection to the database was lost. Next: run it again; it goes on.", reason=LOST
        )
    if number == _TLS:
        return ConfigurationError(
            f"{label}: the server offers no TLS, and the SyncSource asks for it. Next: have it switched on at the"
            " server, or ask for none where nobody can listen (sql.url: ssl-mode=DISABLED)."
        )
    if number in _UNREACHED and any(mark in message for mark in _REFUSED_CERTIFICATE):
        told = message.partition("] ")[2].partition(" (_ssl")[0] or "the handshake failed"
        return ConfigurationError(
            f"{label}: no TLS connection: {told}. Next: look at the server's certificate, and at ssl-ca and ssl-mode "
            "of sql.url.",
            reason="TlsRefused",
        )
    if number in _UNREACHED:
        return TransientError(f"{label}: the database cannot be reached (error {number}). {_REACH}.")
    return None


def _of_statement(number: int, message: str, label: str) -> PonteError:
    if number in _TRANSIENT:
        return TransientError(f"{label}: {message[:200]} (error {number}).")
    if number in _CONFIGURATION:
        return ConfigurationError(
            with_step(f"{label}: {message}", _CONFIGURATION[number]), reason=_CONFIGURATION[number]
        )
    return ConfigurationError(
        f"{label}: the database refused a statement: {message[:300]} (error {number}). {REFUSED_STATEMENT}."
    )


def _refused(number: int, message: str) -> RefusedError:
    reason, told = _DATA[number]
    name = next((found.group(1) for pattern in _NAMES if (found := pattern.search(message))), None)
    column = next((found.group(1) for pattern in _COLUMNS if (found := pattern.search(message))), None)
    hint = _COLLATION if reason == "DuplicateAtTarget" else ""
    return RefusedError(reason, told + (f" ({name})" if name else "") + hint, column)
