"""The connection string of a SyncSource. No value can add an attribute of its own to it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ponte.connectors.registry import References
from ponte.errors import ConfigurationError
from ponte_api.sync_source import SyncSource
from ponte_api.systems import Odbc

_PLAIN = re.compile(r"[^\[\]{}(),;?*=!@\s\x00-\x1f]+(?: [^\[\]{}(),;?*=!@\s\x00-\x1f]+)*")
_LOGIN = frozenset({"uid", "user", "userid", "username", "logonid"})
_SECRET = ("pwd", "pass", "secret", "token")
_ADDRESS = frozenset({"driver", "dsn", "filedsn", "savefile"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is.

    Attributes:
        label: how messages call the SyncSource.
        driver: what messages call the driver: its name or the data source's.
        is_dsn: whether `driver` is the name of a data source.
        login: the connection string; with the password in it.
        given: names of the attributes in it, folded.
    """

    label: str
    driver: str
    is_dsn: bool
    login: str
    given: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Address({self.label!r}, {self.driver!r})"


def address(source: SyncSource, spec: Odbc, references: References) -> Address:
    """The address of a SyncSource. Raises ConfigurationError for what cannot be had or stands for no value."""
    label = source.metadata.name
    first = ("DSN", spec.dsn) if spec.dsn is not None else ("DRIVER", spec.driver or "")
    for option in spec.options:
        _check_option(option.name, label)
    options = [
        (option.name, references.setting(option.setting, f"{label}: odbc.options, {option.name}"))
        for option in spec.options
    ]
    pairs = [first, *options]
    if spec.username is not None:
        pairs.append(("UID", references.setting(spec.username, f"{label}: odbc.username")))
    if spec.password is not None:
        pairs.append(("PWD", references.secret(spec.password, f"{label}: odbc.password").reveal()))
    attributes = (_attribute(name, value, label) for name, value in pairs)
    given = tuple(name.casefold() for name, _ in pairs)
    return Address(label, first[1], spec.dsn is not None, ";".join(attributes), given)


def _check_option(name: str, label: str) -> None:
    """Raises ConfigurationError for a login, a secret or another address, which drivers spell in many ways."""
    plain = re.sub(r"[ _-]", "", name).casefold()
    if plain in _LOGIN:
        raise ConfigurationError(
            f"{label}: odbc.options has {name}, which is a login. Next: give it as odbc.username and odbc.password."
        )
    if any(mark in plain for mark in _SECRET):
        raise ConfigurationError(
            f"{label}: odbc.options has {name}, which is a secret, and options are no place for one. Next: give the"
            " password as odbc.password; keep another secret in odbc.ini and name that data source by odbc.dsn."
        )
    if plain in _ADDRESS:
        raise ConfigurationError(
            f"{label}: odbc.options has {name}, which names a driver or data source. Next: give it as odbc.driver or"
            " odbc.dsn."
        )


def _attribute(name: str, value: str, label: str) -> str:
    if _CONTROL.search(value):
        raise ConfigurationError(
            f"{label}: the value of odbc {name} holds a line break or another control character. Next: write it "
            "without."
        )
    if name == "DRIVER" and not value.startswith("/"):
        return f"DRIVER={{{value}}}"
    return f"{name}={escaped(value)}"


def escaped(value: str) -> str:
    """A value as a connection string holds it: in braces where it has characters of meaning, `}` doubled.

    Source: ODBC Programmer's Reference, SQLDriverConnect, "Connection String Format".
    """
    return value if _PLAIN.fullmatch(value) else "{" + value.replace("}", "}}") + "}"
