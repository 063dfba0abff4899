"""Both ledgers keep the contract that the engine relies on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from ponte.ledger.ledger import StoredLedger
from ponte.ledger.opening import open_database
from ponte.testing.contract.ledger import GONE, OpenLedger
from ponte.testing.contract.ledger_addresses import own_file, own_schema
from ponte.testing.contract.ledger_claims import LedgerClaims
from ponte.testing.contract.ledger_records import LedgerIds, LedgerRecords
from ponte.testing.contract.ledger_rejects import LedgerRejects, LedgerRuns
from ponte.testing.contract.ledger_writers import LedgerFencing, LedgerLeases, LedgerScopes


class Server(Protocol):
    """The server of the fixture `postgres_server`."""

    def url(self, database: str) -> str: ...


class Everything(
    LedgerScopes, LedgerLeases, LedgerFencing, LedgerClaims, LedgerRecords, LedgerIds, LedgerRejects, LedgerRuns
):
    """The whole contract, over the ledger at the address that the test is given."""

    @pytest.fixture
    def open_ledger(self, url: str) -> Iterator[OpenLedger]:
        ledgers: list[StoredLedger] = []

        def open_one_more(holder: str = "somebody") -> StoredLedger:
            ledgers.append(StoredLedger(open_database(url), holder, lambda name: name == GONE))
            return ledgers[-1]

        yield open_one_more
        for ledger in ledgers:
            asyncio.run(ledger.close())


class TestSqliteLedger(Everything):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return own_file(tmp_path)


@pytest.mark.needs("postgresql")
class TestPostgresqlLedger(Everything):
    @pytest.fixture
    def url(self, postgres_server: Server) -> str:
        return own_schema(postgres_server.url("postgres"))
