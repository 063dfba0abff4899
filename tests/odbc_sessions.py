"""Sessions over ODBC for tests, each with a process that is ended behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from ponte.connectors.odbc.databases import PROFILES
from ponte.connectors.odbc.processes import DriverProcesses
from ponte.connectors.odbc.profiles import Profile
from ponte.connectors.odbc.session import OdbcSession
from ponte.connectors.odbc.settings import Address


@contextmanager
def odbc_session(
    address: Address, profiles: dict[str, Profile] = PROFILES, deadline_s: float = 60.0
) -> Iterator[OdbcSession]:
    """A session."""
    with (
        closing(DriverProcesses(address.label, address.driver, deadline_s)) as processes,
        closing(OdbcSession(address, profiles, processes)) as session,
    ):
        yield session
