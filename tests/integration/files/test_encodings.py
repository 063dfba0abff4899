"""Encodings: the right one is read, a wrong one is said with its place and what it probably is."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ponte.connectors.files.text import write_lines
from ponte.engine.ports import Read, System
from ponte.errors import ConfigurationError

Make = Callable[..., System]


async def rows(system: System) -> list[Any]:
    return [row async for batch in system.source("a").read(Read("all", 100)) for row in batch.frame.rows()]


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", codecs.BOM_UTF8 + "a,b\n1,é€\n".encode()),
        ("utf-16", "a,b\n1,é€\n".encode("utf-16")),
        ("utf-16", codecs.BOM_UTF16_BE + "a,b\n1,é€\n".encode("utf-16-be")),
        ("utf-16-be", "a,b\n1,é€\n".encode("utf-16-be")),
        ("utf-16-le", codecs.BOM_UTF16_LE + "a,b\n1,é€\n".encode("utf-16-le")),
        ("cp1252", "a,b\n1,é€\n".encode("cp1252")),
        ("windows-1252", "a,b\n1,é€\n".encode("cp1252")),
        ("ISO-8859-15", "a,b\n1,é€\n".encode("iso-8859-15")),
    ],
)
async def test_a_declared_encoding_is_read(drop: Path, make_system: Make, encoding: str, content: bytes) -> None:
    (drop / "a.csv").write_bytes(content)

    assert await rows(make_system(csv={"encoding": encoding})) == [("1", "é€")]


@pytest.mark.parametrize(
    ("declared", "content", "words"),
    [
        ("utf-8", b"a,b\n1,\xe9\n", r"line 2: byte 6 \(0xe9\) is not utf-8.*'cp1252': there the byte is 'é'"),
        ("cp1252", b"a,b\n1,\x81\n", r"line 2: byte 6 \(0x81\) is not cp1252.*'cp850': there the byte is 'ü'"),
        ("ascii", "a,b\n1,é\n".encode(), r"line 2: byte 6 .* is not ascii.*'utf-8': there the byte is 'é'"),
        ("iso-8859-1", b"a,b\n1,\x80\n", r"line 2: byte 6 \(0x80\) is not iso-8859-1.*'cp1252': there the byte is '€'"),
        ("cp1252", "a,b\n1,è\n".encode(), "is UTF-8, but cp1252 is declared: 'è' would be read as 'Ã¨'"),
        ("cp1252", codecs.BOM_UTF8 + b"a,b\n1,x\n", "begins with the byte order mark of utf-8"),
        ("iso-8859-1", "a,b\n1,é\n".encode("utf-16"), "begins with the byte order mark of utf-16"),
        ("utf-16", b"a,b\n1,x\n", "has no byte order mark"),
        ("utf-8", "a,b\n1,é\n".encode("utf-16-le"), r"byte 12 .*perhaps 'utf-16-le'"),
        ("utf-8", b"a,b\n1,\xed\xa0\x80\n", "line 2: byte 6 "),
        ("utf-16-le", "a,b\n1,x\n".encode("utf-16-le") + b"\x00\xd8x\x00", "line 3: byte 16 "),
        ("utf-16-le", "a,b\n1,x\n".encode("utf-16-le") + b"x", "line 3: byte 16 "),
    ],
    ids=[
        "cp1252 as utf-8",
        "no character of cp1252",
        "utf-8 as ascii",
        "cp1252 as latin-1",
        "utf-8 as cp1252",
        "mark of utf-8",
        "mark of utf-16",
        "utf-16 without mark",
        "utf-16 as utf-8",
        "lone surrogate",
        "lone surrogate of utf-16",
        "half a character",
    ],
)
async def test_a_wrong_encoding_is_said(
    drop: Path, make_system: Make, declared: str, content: bytes, words: str
) -> None:
    (drop / "a.csv").write_bytes(content)

    with pytest.raises(ConfigurationError, match=words) as caught:
        await rows(make_system(csv={"encoding": declared}))

    assert caught.value.reason == "WrongEncoding"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cp1525", "Did you mean cp125"),
        ("utf8x", "Did you mean utf-8"),
        ("zip", "no encoding of text"),
        ("?", "Next: write one such as utf-8"),
    ],
)
async def test_an_encoding_that_does_not_exist_is_said(drop: Path, make_system: Make, name: str, words: str) -> None:
    (drop / "a.csv").write_text("a\n1\n")

    with pytest.raises(ConfigurationError, match=words):
        await rows(make_system(csv={"encoding": name}))


async def test_text_of_one_byte_that_only_resembles_utf_8_is_read_as_declared(drop: Path, make_system: Make) -> None:
    (drop / "a.csv").write_bytes("a,b\nÃ¨,perché\n".encode("cp1252"))

    assert await rows(make_system(csv={"encoding": "cp1252"})) == [("Ã¨", "perché")]


def test_many_lines_of_utf_16_have_one_mark(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as stream:
        write_lines(("é\n" for _ in range(60_000)), "utf-16", stream)

    assert (tmp_path / "a").read_bytes().decode("utf-16") == "é\n" * 60_000


async def test_tabs_separate_by_name_and_by_character_and_quotes_can_be_text(drop: Path, make_system: Make) -> None:
    (drop / "a.csv").write_text('a\tb\n1\t5" pipe\n')

    for delimiter in ("tab", "\t"):
        assert await rows(make_system(csv={"delimiter": delimiter, "quote": ""})) == [("1", '5" pipe')]
