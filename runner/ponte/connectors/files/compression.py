"""The bytes of a file, unpacked where it is gzip: streamed, checked to the end, and never more than was bargained for.

Source: RFC 1952 (gzip): several members stand one behind the other; zeros may fill the end up.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from ponte.connectors.files.client import Snapshot
from ponte.connectors.files.errors import translated
from ponte.errors import ConfigurationError, TransientError

BLOCK_BYTES = 4 * 1024 * 1024
MOST_BYTES = 64 * 1024**3
MOST_RATIO = 300  # exports of blanks reach 100; a bomb 1,000
_RATIO_FROM = 64 * 1024 * 1024  # below, nothing can hurt
_MAGIC = b"\x1f\x8b"
_READ_BYTES = 256 * 1024


def blocks(snapshot: Snapshot) -> Iterator[bytes]:
    """Yields the content block by block, and last an empty block.

    Raises:
        ConfigurationError: a gzip file is damaged, holds something behind its end, or unpacks to far too much.
        TransientError: the file cannot be read, or a gzip file ends early.
    """
    first = _read(snapshot, BLOCK_BYTES)
    if first.startswith(_MAGIC):
        yield from _unpacked(snapshot, first)
    else:
        block = first
        while block:
            yield block
            block = _read(snapshot, BLOCK_BYTES)
    yield b""


def refuse_packed(snapshot: Snapshot) -> None:
    """Raises ConfigurationError for a file that is gzip: written anew, it would be something else for its readers."""
    start = _read(snapshot, len(_MAGIC))
    snapshot.stream.seek(0)
    if start == _MAGIC:
        raise ConfigurationError(
            f"{snapshot.label} is not written to: it is packed, and Ponte writes no gzip. Next: move it, or write to"
            " another name, and have that packed by whoever sends it on.",
            reason="NotWritable",
        )


def _read(snapshot: Snapshot, size: int) -> bytes:
    with translated(snapshot.label):
        return snapshot.stream.read(size)


def _unpacked(snapshot: Snapshot, first: bytes) -> Iterator[bytes]:
    member = _Member(snapshot.label)
    taken = len(first)
    piece = first
    while piece:
        for block in member.unpack(piece):
            member.check_size(taken)
            yield block
        piece = _read(snapshot, _READ_BYTES)
        taken += len(piece)
    member.check_end()


class _Member:
    """The members of a gzip file, one after the other."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._decompressor = zlib.decompressobj(wbits=31)
        self._made = 0
        self._is_between = False

    def unpack(self, piece: bytes) -> Iterator[bytes]:
        """Yields what a piece of the file unpacks to, at most `BLOCK_BYTES` at once."""
        while piece:
            if self._is_between:
                piece = piece.lstrip(b"\0")
                if not piece:
                    return
                if not _MAGIC.startswith(piece[:2]):
                    raise self._damaged("something stands behind its end")
                self._decompressor, self._is_between = zlib.decompressobj(wbits=31), False
            try:
                block = self._decompressor.decompress(piece, BLOCK_BYTES)
            except zlib.error as error:
                raise self._damaged("it cannot be unpacked, or its check sum is wrong") from error
            self._made += len(block)
            if block:
                yield block
            self._is_between = self._decompressor.eof
            piece = self._decompressor.unused_data if self._is_between else self._decompressor.unconsumed_tail

    def check_size(self, taken: int) -> None:
        """Raises ConfigurationError where the content is out of all proportion."""
        if self._made > MOST_BYTES or self._made > max(_RATIO_FROM, taken * MOST_RATIO):
            raise ConfigurationError(
                f"{self._label} unpacks to more than {self._made // 1024**2:,} MiB out of {taken:,} bytes: Ponte takes"
                f" {MOST_RATIO} times its size, and at most {MOST_BYTES // 1024**3} GiB. Next: if it is sound, "
                "unpack it.",
                reason="UnpacksToTooMuch",
            )

    def check_end(self) -> None:
        """Raises TransientError where the file ends inside a member."""
        if not self._is_between:
            raise TransientError(
                f"{self._label} is gzip and ends early: it is still being written, or its transfer broke off. Next: "
                "run again when it is whole; if it stays so, have it sent anew.",
                reason="FileIncomplete",
            )

    def _damaged(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self._label} is gzip, and {why}. Next: have it transferred anew, in binary mode.",
            reason="ArchiveDamaged",
        )
