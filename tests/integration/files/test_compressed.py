"""Gzip: read as the file inside, to the last check sum; cut, damaged, followed by junk or a bomb is never data."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ponte.connectors.files import compression
from ponte.engine.ports import Delivery, Read, System
from ponte.errors import ConfigurationError, PonteError, TransientError

Make = Callable[..., System]
TEXT = b"a,b\n" + b"".join(b"%d,value %d\n" % (number, number) for number in range(20_000))
PACKED = gzip.compress(TEXT)


async def read(system: System) -> int:
    batches = [batch async for batch in system.source("a").read(Read("all", 5_000))]
    assert batches[-1].is_last
    return sum(batch.frame.height for batch in batches)


@pytest.mark.parametrize(
    "content",
    [PACKED, PACKED + b"\0" * 512, gzip.compress(TEXT[:100_000]) + gzip.compress(TEXT[100_000:])],
    ids=["one member", "filled up with zeros", "two members"],
)
async def test_gzip_is_known_by_its_bytes_and_not_by_its_name(drop: Path, make_system: Make, content: bytes) -> None:
    (drop / "a.csv").write_bytes(content)

    assert await read(make_system()) == 20_000


async def test_any_format_may_be_gzip(drop: Path, make_system: Make) -> None:
    (drop / "a.xml.gz").write_bytes(gzip.compress(b"<c><p><n>1</n></p></c>"))

    assert await read(make_system("a.xml.gz", xml={"records": "/c/p"})) == 1


@pytest.mark.parametrize("kept", [3, 12, 1000, len(PACKED) - 8, len(PACKED) - 1])
async def test_a_cut_file_is_not_whole(drop: Path, make_system: Make, kept: int) -> None:
    (drop / "a.csv").write_bytes(PACKED[:kept])

    with pytest.raises(TransientError, match="ends early"):
        await read(make_system())


@pytest.mark.parametrize(
    "content",
    [
        PACKED + b"junk",
        PACKED + b"\x1f",
        PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:],
        PACKED[:500] + b"\xff" * 20 + PACKED[520:],
    ],
    ids=["junk", "half a beginning", "check sum", "damaged"],
)
async def test_a_damaged_file_is_never_taken_for_data(drop: Path, make_system: Make, content: bytes) -> None:
    (drop / "a.csv").write_bytes(content)

    with pytest.raises(PonteError) as caught:
        await read(make_system())

    assert caught.value.reason in {"ArchiveDamaged", "FileIncomplete"}


async def test_a_bomb_is_given_up(drop: Path, make_system: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "_RATIO_FROM", 8 * 1024 * 1024)
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join(packer.compress(b"a,b\n" * 1024 * 1024) for _ in range(16)) + packer.flush()
    (drop / "a.csv").write_bytes(packed)

    with pytest.raises(ConfigurationError, match="300 times its size") as caught:
        await read(make_system(csv={"header": False}, fields=[{"name": n, "type": "string"} for n in "ab"]))

    assert caught.value.reason == "UnpacksToTooMuch"


@pytest.mark.parametrize("name", ["a.csv.gz", "A.CSV.GZ"])
async def test_a_target_is_never_gzip(make_system: Make, name: str) -> Any:
    with pytest.raises(
        ConfigurationError, match=f"not written as gzip. Next: write {re.escape(name[:-3])}, "
    ) as caught:
        make_system(name).target("a")

    assert caught.value.reason == "NotWritable"


async def test_a_packed_file_is_not_replaced_by_a_plain_one(drop: Path, make_system: Make) -> None:
    packed = gzip.compress(b"a,b\n1,2\n")
    (drop / "a.csv").write_bytes(packed)
    record = pl.DataFrame({"a": ["3"], "b": ["4"]})
    unset = pl.Series([None], dtype=pl.String)

    with pytest.raises(ConfigurationError, match="it is packed, and Ponte writes no gzip"):
        await make_system("a.csv").target("a").deliver(Delivery("create", record, ("a",), unset, unset))

    assert (drop / "a.csv").read_bytes() == packed
