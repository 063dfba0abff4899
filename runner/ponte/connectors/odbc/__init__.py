"""Connector `odbc`: any database that has an ODBC driver, through pyodbc and arrow-odbc in a process of its own."""

from __future__ import annotations

from ponte.connectors.registry import References
from ponte.engine.ports import Clock, System
from ponte.errors import ConfigurationError
from ponte_api.sync_source import SyncSource


def connect(source: SyncSource, references: References, clock: Clock) -> System:  # noqa: ARG001 - the connectors' signature
    """The database of a SyncSource. Nothing is reached yet.

    Raises:
        ConfigurationError: a setting or credential that is not there or stands for no value.
    """
    from ponte.connectors.odbc.databases import PROFILES  # noqa: PLC0415 - the driver's process wants none of this
    from ponte.connectors.odbc.session import OdbcSession  # noqa: PLC0415 - as above
    from ponte.connectors.odbc.settings import address  # noqa: PLC0415 - as above
    from ponte.connectors.relational.system import DatabaseSystem  # noqa: PLC0415 - as above

    if source.spec.odbc is None:
        raise ConfigurationError(f"SyncSource {source.metadata.name} is no ODBC database.")
    reached = address(source, source.spec.odbc, references)
    return DatabaseSystem(source, lambda: OdbcSession(reached, PROFILES))
