"""Lines of text out of a file, block by block, and back: bounded memory, exact positions, one line end."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO

from ponte.connectors.files.client import Snapshot
from ponte.connectors.files.errors import translated, wrong_encoding
from ponte.errors import ConfigurationError

BLOCK_BYTES = 4 * 1024 * 1024
LONGEST_LINE = 64 * 1024 * 1024
_WRITTEN_LINES = 25_000
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_lines(snapshot: Snapshot, encoding: str) -> Iterator[list[str]]:
    r"""Yields lists of lines without \n; a \r before it stays. A file that has only \r has its lines ended by that.

    Raises:
        ConfigurationError: the encoding is unknown, or a byte is not of it (its position is told).
        TransientError: the file cannot be read on.
    """
    rest = ""
    end: str | None = None
    for text in _texts(snapshot, encoding):
        if end is None and ("\n" in text or "\r" in text[:-1]):
            end = "\n" if "\n" in text else "\r"
        parts = (rest + text).split(end or "\n")
        rest = parts.pop()
        if len(rest) > LONGEST_LINE:
            raise ConfigurationError(f"{snapshot.label}: a line is longer than 64 MiB.", reason="LineTooLong")
        if parts:
            yield parts
    if rest:
        yield [rest]


def _texts(snapshot: Snapshot, encoding: str) -> Iterator[str]:
    decoder = _decoder(snapshot.label, encoding)
    is_utf16 = False
    done = 0
    while True:
        with translated(snapshot.label):
            block = snapshot.stream.read(BLOCK_BYTES)
        if done == 0:
            is_utf16 = block.startswith(_UTF16_MARKS)
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeError as error:
            start = error.start if isinstance(error, UnicodeDecodeError) else 0
            raise wrong_encoding(snapshot.label, encoding, done - pending + start, is_utf16=is_utf16) from error
        if done == 0:
            text = text.removeprefix("\ufeff")
        done += len(block)
        if text:
            yield text
        if not block:
            return


def _decoder(label: str, encoding: str) -> codecs.IncrementalDecoder:
    try:
        information = codecs.lookup(encoding)
        is_text = information._is_text_encoding  # noqa: SLF001 - the only way to tell zip or hex from encodings of text
    except LookupError as error:
        raise ConfigurationError(f"{label}: encoding {encoding!r} is unknown.", reason="UnknownEncoding") from error
    if not is_text or information.incrementaldecoder is None:
        raise ConfigurationError(f"{label}: {encoding!r} is no encoding of text.", reason="UnknownEncoding")
    return information.incrementaldecoder("strict")


def write_lines(lines: Iterable[str], encoding: str, stream: BinaryIO) -> None:
    """Writes lines, which bring their line ends; a byte order mark stands, where the encoding has one, at the start."""
    encoder = codecs.getincrementalencoder(encoding)("strict")
    rest = iter(lines)
    while held := list(islice(rest, _WRITTEN_LINES)):
        stream.write(encoder.encode("".join(held)))
