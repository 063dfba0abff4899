"""Connector `odbc`: any database that has an ODBC driver, through pyodbc and arrow-odbc in a process of its own.

That process imports this package too: nothing heavy is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ponte.connectors.description import Description
    from ponte.connectors.registry import References
    from ponte.engine.ports import Clock, System
    from ponte_api.sync_source import SyncSource


def describe() -> Description:
    """For `ponte connectors`."""
    from ponte.connectors.odbc import description  # noqa: PLC0415 - see above

    return description.describe()


def connect(source: SyncSource, references: References, clock: Clock) -> System:  # noqa: ARG001 - the connectors' signature
    """The database of a SyncSource. Nothing is reached yet, but the driver's process gets ready.

    Raises:
        ConfigurationError: a setting or credential that is not there or stands for no value.
        TransientError: this machine has no room for a process.
    """
    from ponte.connectors.odbc.processes import DriverProcesses  # noqa: PLC0415 - see above
    from ponte.connectors.odbc.settings import address  # noqa: PLC0415 - see above
    from ponte.errors import ConfigurationError  # noqa: PLC0415 - see above

    if source.spec.odbc is None:
        raise ConfigurationError(f"{source.metadata.name}: this is no ODBC database. Next: set spec.odbc.")
    reached = address(source, source.spec.odbc, references)
    processes = DriverProcesses(reached.label, reached.driver)  # starts, while what follows is imported
    from ponte.connectors.odbc.system import OdbcSystem  # noqa: PLC0415 - see above

    return OdbcSystem(source, reached, processes)
