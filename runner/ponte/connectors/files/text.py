"""Lines of text out of a file, block by block, and back: bounded memory, exact positions, one line end."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO

from ponte.connectors.files.client import Snapshot
from ponte.connectors.files.compression import blocks
from ponte.connectors.files.encodings import check_start, check_text, known_encoding, wrong_encoding
from ponte.errors import ConfigurationError

LONGEST_LINE = 64 * 1024 * 1024
_WRITTEN_LINES = 25_000
_DOS_END = "\x1a"  # what CP/M, DOS and some hosts put behind the last line


def read_lines(snapshot: Snapshot, encoding: str) -> Iterator[list[str]]:
    r"""Yields lists of lines without \n; a \r before it stays. A file that has only \r has its lines ended by that.

    Raises:
        ConfigurationError: the encoding is unknown, or a byte is not of it (its place is told).
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
            raise ConfigurationError(
                f"{snapshot.label}: a line is longer than 64 MiB. Next: look whether the file is text at all, and "
                "whether its line ends got lost.",
                reason="LineTooLong",
            )
        if parts:
            yield parts
    if rest.strip(_DOS_END):
        yield [rest]


def _texts(snapshot: Snapshot, encoding: str) -> Iterator[str]:
    information = known_encoding(snapshot.label, encoding)
    decoder = information.incrementaldecoder("strict")
    done, lines = 0, 1
    for block in blocks(snapshot):
        if done == 0:
            check_start(snapshot.label, information.name, block)
        pending = decoder.getstate()[0]
        try:
            text = decoder.decode(block, final=not block)
            check_text(information.name, text)
        except UnicodeError as error:
            position = done - len(pending)
            raise wrong_encoding(snapshot.label, encoding, error, position, lines) from error
        if done == 0:
            text = text.removeprefix("\ufeff")
        done += len(block)
        lines += text.count("\n")
        if text:
            yield text


def write_lines(lines: Iterable[str], encoding: str, stream: BinaryIO) -> None:
    """Writes lines, which bring their line ends; a byte order mark stands, where the encoding has one, at the start."""
    encoder = codecs.getincrementalencoder(encoding)("strict")
    rest = iter(lines)
    while held := list(islice(rest, _WRITTEN_LINES)):
        stream.write(encoder.encode("".join(held)))
