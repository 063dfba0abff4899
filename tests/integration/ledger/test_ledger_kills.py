"""A process that writes the ledger is killed: what was acknowledged is there, the rest is whole or absent."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ponte.engine.canonical import split_key
from ponte.engine.ledger_port import Writer
from ponte.ledger.integrity import check
from ponte.ledger.opening import open_ledger, opened
from ponte.testing.contract.ledger import IDENTITY, acquired

CHILD = Path(__file__).with_name("child.py")
PER_CHUNK = 40
KILLS = 4
CHUNKS_BETWEEN = 1000


def killed_after(url: str, first: int, lines: int) -> tuple[set[int], set[int]]:
    """Chunks claimed and chunks committed, as far as a process told; it is killed at once after its n-th word."""
    child = subprocess.Popen(
        [sys.executable, CHILD, url, str(first)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    rest, complaints = child.communicate()
    assert (child.returncode, complaints) == (-signal.SIGKILL, "")
    said = [line.split() for line in [*told, *rest.splitlines()] if len(line.split()) == 2]
    claimed = {int(chunk) for what, chunk in said if what == "claimed"}
    return claimed, {int(chunk) for what, chunk in said if what == "committed"}


async def remembered(url: str) -> tuple[dict[int, int], set[int], str]:
    """Records per chunk, chunks in doubt, and the watermark, as a successor finds them; what is in doubt stays so."""
    ledger = open_ledger(url)
    scope = await ledger.open_scope(IDENTITY)
    successor = await acquired(ledger, scope, "successor")
    assert isinstance(successor, Writer)
    doubts = await ledger.doubts(successor)
    with opened(url) as db:
        rows = db.query("SELECT key FROM ponte_records", (), doubts.select("key").schema)
    await ledger.release(successor)
    await ledger.close()
    per_chunk: dict[int, int] = {}
    for key in rows["key"]:
        chunk = int(split_key(key)[0].split("-")[0])
        per_chunk[chunk] = per_chunk.get(chunk, 0) + 1
    return per_chunk, {int(split_key(key)[0].split("-")[0]) for key in doubts["key"]}, scope.watermark or ""


@pytest.mark.parametrize("seed", [20261123])
def test_a_killed_process_leaves_a_sound_ledger_with_all_that_was_acknowledged(url: str, seed: int) -> None:
    moments = random.Random(seed)
    claimed: set[int] = set()
    committed: set[int] = set()
    for kill in range(KILLS):
        more_claimed, more_committed = killed_after(url, kill * CHUNKS_BETWEEN, lines=moments.randint(1, 60))
        claimed |= more_claimed
        committed |= more_committed

        records, in_doubt, watermark = asyncio.run(remembered(url))

        assert committed <= records.keys()
        assert set(records.values()) <= {PER_CHUNK}
        assert records.keys() & in_doubt == set()
        assert claimed <= records.keys() | in_doubt
        assert int(watermark or 0) == max(records, default=0)
    with opened(url) as db:
        assert [finding for finding in check(db) if finding.severity == "damage"] == []
