"""Ledgers of both kinds, empty, and connections to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ponte.ledger.database import Database
from ponte.ledger.ledger import StoredLedger
from ponte.ledger.opening import open_ledger, opened
from ponte.testing.contract.ledger_addresses import own_file, own_schema

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]


@pytest.fixture
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Addresses of empty ledgers of a kind."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            return own_file(tmp_path)
        return own_schema(request.getfixturevalue("postgres_server").url("postgres"))

    return make


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, new_url: Callable[[str], str]) -> str:
    """Address of an empty ledger, of each kind in turn."""
    return new_url(request.param)


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    """Its database."""
    with opened(url) as database:
        yield database


@pytest.fixture
def fill(url: str) -> Callable[[Callable[[StoredLedger], Awaitable[None]]], None]:
    """Does something with the ledger as the engine does it."""

    def do(work: Callable[[StoredLedger], Awaitable[None]]) -> None:
        asyncio.run(_with(url, work))

    return do


async def _with(url: str, work: Callable[[StoredLedger], Awaitable[None]]) -> None:
    async with _ledger(url) as ledger:
        await work(ledger)


@asynccontextmanager
async def _ledger(url: str) -> AsyncIterator[StoredLedger]:
    ledger = open_ledger(url)
    try:
        yield ledger
    finally:
        await ledger.close()
