"""Export and import: whole or not at all, from either database into either."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from ponte.engine.ledger_port import Commit, Ending
from ponte.errors import StateError, UsageError
from ponte.ledger.database import Database
from ponte.ledger.exchange import export_ledger, import_ledger, tables
from ponte.ledger.ledger import StoredLedger
from ponte.ledger.opening import open_ledger, opened
from ponte.testing.contract.ledger import (
    IDENTITY,
    acquired,
    claimed,
    ids,
    key,
    keys_of,
    records,
    reject_rows,
    report,
)

EXTREMES = {key("Zażółć\n🐍"): 2**128 - 1, key("'\"\\"): 2**63, key("1"): 0, key("2"): 2**64 + 1}


async def lived_in(ledger: StoredLedger) -> None:
    """A ledger that has something of everything."""
    scope = await ledger.open_scope(IDENTITY)
    writer = await acquired(ledger, scope, "run-1")
    for text, fingerprint in EXTREMES.items():
        await ledger.commit(writer, Commit(report(), added=records([text], fingerprint)))
    await ledger.commit(writer, Commit(report(), added=records(keys_of("unknown"), None), watermark="2026"))
    await ledger.commit(writer, Commit(report(), rejects=reject_rows(keys_of("bad")), ids=ids({key("1"): "17"})))
    await claimed(ledger, writer, keys_of("under way"))
    pending = pl.DataFrame({"key": keys_of("1"), "natural_key": keys_of("1"), "version": [1], "why": ["vanished"]})
    await ledger.finish(writer, Ending(report(phase="AwaitingApproval"), pending=pending))
    await acquired(ledger, scope, "run-2")


def contents(db: Database) -> dict[str, list[tuple[object, ...]]]:
    """All that is in a ledger."""
    return {
        name: sorted(db.query(f"SELECT {', '.join(schema)} FROM {name}", (), schema).rows(), key=repr)
        for name, schema in tables().items()
    }


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
@pytest.mark.parametrize("of", ["sqlite", "postgresql"])
def test_an_import_has_all_that_was_exported(of: str, into: str, new_url: Callable[[str], str], tmp_path: Path) -> None:
    old, new, file = new_url(of), new_url(into), tmp_path / "ledger.jsonl"

    async def fill() -> None:
        ledger = open_ledger(old)
        await lived_in(ledger)
        await ledger.close()

    asyncio.run(fill())
    with opened(old) as db:
        before = contents(db)
        written = export_ledger(db, file)
    with opened(new) as db:
        read = import_ledger(db, file)
        after = contents(db)

    assert written == read == sum(map(len, before.values()))
    for name in before.keys() - {"ponte_scopes", "ponte_claims"}:
        assert after[name] == before[name]
    assert [row[:11] for row in after["ponte_scopes"]] == [row[:11] for row in before["ponte_scopes"]]


def test_after_an_import_the_job_goes_on_and_what_was_under_way_is_in_doubt(
    url: str, new_url: Callable[[str], str], tmp_path: Path
) -> None:
    file, old = tmp_path / "ledger.jsonl", new_url("sqlite")

    async def whole() -> tuple[list[str], list[int]]:
        ledger = open_ledger(old)
        await lived_in(ledger)
        await ledger.close()
        with opened(old) as db:
            export_ledger(db, file)
        with opened(url) as db:
            import_ledger(db, file)
        ledger = open_ledger(url)
        scope = await ledger.open_scope(IDENTITY)
        writer = await acquired(ledger, scope, "run-3")
        grant = await claimed(ledger, writer, keys_of("new"))
        await ledger.commit(writer, Commit(report("run-3"), grant.claim, added=records(keys_of("new"))))
        doubts, known = await ledger.doubts(writer), await ledger.known(scope)
        await ledger.close()
        return doubts["key"].to_list(), known["fingerprint"].drop_nulls().to_list()

    doubts, fingerprints = asyncio.run(whole())

    assert doubts == keys_of("under way")
    assert set(fingerprints) == {*EXTREMES.values(), 7}


@pytest.fixture
def exported(url: str, tmp_path: Path, fill: Callable[[Callable[..., object]], None]) -> Path:
    fill(lived_in)
    with opened(url) as db:
        export_ledger(db, tmp_path / "ledger.jsonl")
    return tmp_path / "ledger.jsonl"


def cut_off(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


def cut_in_the_middle(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-2], lines[-2][:10]]


def one_row_less(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-2], lines[-1]]


def one_digit_changed(lines: list[bytes]) -> list[bytes]:
    return [line.replace(b'"version":1', b'"version":2') for line in lines]


def something_behind(lines: list[bytes]) -> list[bytes]:
    return [*lines, b"{}\n"]


def another_version(lines: list[bytes]) -> list[bytes]:
    return [json.dumps({"ponteLedger": 1, "schemaVersion": 99}).encode() + b"\n", *lines[1:]]


def something_else(lines: list[bytes]) -> list[bytes]:
    return [b"key;name\n", *lines]


def nothing(lines: list[bytes]) -> list[bytes]:
    return []


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "spoil",
    [
        cut_off,
        cut_in_the_middle,
        one_row_less,
        one_digit_changed,
        something_behind,
        another_version,
        something_else,
        nothing,
    ],
)
def test_a_spoilt_export_is_refused_and_nothing_is_written(
    spoil: Callable[[list[bytes]], list[bytes]], exported: Path, new_url: Callable[[str], str], tmp_path: Path
) -> None:
    spoilt = tmp_path / "spoilt.jsonl"
    spoilt.write_bytes(b"".join(spoil(exported.read_bytes().splitlines(keepends=True))))

    with opened(new_url("sqlite")) as db:
        before = contents(db)
        with pytest.raises(StateError, match="cannot be imported"):
            import_ledger(db, spoilt)
        assert contents(db) == before


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_two_ledgers_are_never_mixed_and_no_file_is_overwritten(exported: Path, url: str) -> None:
    before = exported.read_bytes()
    with opened(url) as db:
        with pytest.raises(UsageError, match="not empty"):
            import_ledger(db, exported)
        with pytest.raises(UsageError, match="there already"):
            export_ledger(db, exported)

    assert exported.read_bytes() == before
    assert [file.name for file in exported.parent.glob("*.part")] == []
