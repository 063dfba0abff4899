"""What the word of a driver or of the driver manager means for the run."""

from __future__ import annotations

import re
from typing import Any

from ponte.connectors.odbc.settings import Address
from ponte.connectors.relational.client import RefusedError
from ponte.connectors.relational.sqlstates import translate
from ponte.errors import ConfigurationError, PonteError, TransientError

_CONSTRAINT = re.compile(r"constraint \"([^\"]+)\"|constraint [`']([^`']+)[`']")
_COLUMN = re.compile(r"column \"([^\"]+)\"")
_BRACKETS = re.compile(r"^(\[[^\]]*\] ?)+")
_NUMBER = re.compile(r" \(-?\d+\)$")
_STATES = {
    "42S02": "42P01",
    "42S22": "42703",
    "S0002": "42P01",
    "HYT00": "57014",
    "HYT01": "08001",
    "HY000": "",
    "01S00": "01S00",
}
_INSTALL = "see docs/connect/odbc.md#driver"


def translated(facts: dict[str, Any], address: Address) -> PonteError | RefusedError:
    """The error to raise for one of a driver.

    Args:
        facts: `state`, `native`, `message`, and `installed` where a driver is not.
        address: where it was.
    """
    state = str(facts["state"])
    setup = _SETUP.get(state)
    if setup is not None:
        return setup(facts, address)
    message = first_line(str(facts["message"]))
    if state == "01000" and "Can't open lib" in str(facts["message"]):
        return _unloadable(facts, address)
    if state in {"HYT00", "S1T00"}:
        return TransientError(f"{address.label}: the database took too long: {message}.")
    constraint, column = _CONSTRAINT.search(message), _COLUMN.search(message)
    return translate(
        _STATES.get(state, state),
        address.label,
        message,
        constraint=(constraint.group(1) or constraint.group(2)) if constraint else None,
        column=column.group(1) if column else None,
    )


def first_line(message: str) -> str:
    """The first line of what a driver says, without the names of those that handed it on; it holds no record."""
    line = _BRACKETS.sub("", message.partition("\n")[0]).removeprefix("ERROR: ").removeprefix("FATAL: ")
    return _NUMBER.sub("", line.partition(" (SQL")[0].strip()).rstrip(";.")[:300]


def _not_installed(facts: dict[str, Any], address: Address) -> PonteError:
    installed = ", ".join(facts.get("installed", ())) or "none"
    return ConfigurationError(
        f'{address.label}: the driver {address.driver} is not installed. Ponte looked for "{address.driver}" in'
        f" odbcinst.ini, which has: {installed}."
        f" Next: install it, or write odbc.driver as it is called there; {_INSTALL}.",
        reason="DriverMissing",
    )


def _no_source(facts: dict[str, Any], address: Address) -> PonteError:  # noqa: ARG001 - as the others
    what = "data source" if address.is_dsn else "driver"
    file = "odbc.ini" if address.is_dsn else "odbcinst.ini"
    return ConfigurationError(
        f"{address.label}: there is no ODBC {what} {address.driver!r}. Ponte looked for it in {file}."
        f" Next: `odbcinst -q {'-s' if address.is_dsn else '-d'}` lists those that there are.",
        reason="DataSourceMissing" if address.is_dsn else "DriverMissing",
    )


def _unloadable(facts: dict[str, Any], address: Address) -> PonteError:  # noqa: ARG001 - as the others
    return ConfigurationError(
        f"{address.label}: unixODBC cannot load the library of the driver {address.driver}: it is missing, lacks"
        " another library, or was built for another kind of processor (32 instead of 64 bits)."
        " Next: run `ldd` on the file"
        f" that odbcinst.ini names; {_INSTALL}.",
        reason="DriverMissing",
    )


def _no_library(facts: dict[str, Any], address: Address) -> PonteError:  # noqa: ARG001 - as the others
    return ConfigurationError(
        f"{address.label}: the driver manager unixODBC is missing (libodbc.so.2)."
        " Next: install it (on Debian: apt-get install unixodbc).",
        reason="DriverMissing",
    )


def _no_extra(facts: dict[str, Any], address: Address) -> PonteError:
    return ConfigurationError(
        f"{address.label}: ODBC needs packages that are missing ({facts['message']})."
        " Next: pip install 'ponte-sync[odbc]'",
        reason="ExtraMissing",
    )


def _not_carried(facts: dict[str, Any], address: Address) -> PonteError:
    return ConfigurationError(
        f"{address.label}: arrow-odbc cannot carry these values: {first_line(str(facts['message']))}."
        " Next: leave the column out by a query or in the Mapping, and report it with its type.",
        reason="Unsupported",
    )


_SETUP = {
    "not-carried": _not_carried,
    "driver-missing": _not_installed,
    "library-missing": _no_library,
    "extra-missing": _no_extra,
    "IM002": _no_source,
    "IM003": _unloadable,
}
