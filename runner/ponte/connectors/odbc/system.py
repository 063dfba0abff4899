"""A database over ODBC as a system: its sessions, and the processes that these live in."""

from __future__ import annotations

import asyncio

from ponte.connectors.odbc.databases import PROFILES
from ponte.connectors.odbc.processes import DriverProcesses
from ponte.connectors.odbc.session import OdbcSession
from ponte.connectors.odbc.settings import Address
from ponte.connectors.relational.system import DatabaseSystem
from ponte_api.sync_source import SyncSource


class OdbcSystem(DatabaseSystem):
    """One database.

    Args:
        source: the SyncSource.
        address: where it is.
        processes: in which its driver runs; ended with the system.
    """

    def __init__(self, source: SyncSource, address: Address, processes: DriverProcesses) -> None:
        super().__init__(source, lambda: OdbcSession(address, PROFILES, processes))
        self._processes = processes

    async def close(self) -> None:
        """Closes what targets hold, and ends the driver's processes."""
        await super().close()
        await asyncio.to_thread(self._processes.close)
