"""What a workbook's file is, by its first bytes, and whether its archive may be unpacked at all.

An .xlsx, .xlsb or .ods is a zip of parts. Its central directory tells how large they are before one is unpacked, and
the zip reader never gives more than it tells, so that a bomb is refused by its own announcement. Nothing is ever
unpacked to disk, no link is followed, no macro is looked at.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Literal

from ponte.errors import ConfigurationError, TransientError

Kind = Literal["xlsx", "xlsb", "ods", "xls"]

MOST_PARTS = 10_000
MOST_BYTES = 2 * 1024**3  # unpacked, all parts together
MOST_RATIO = 100  # unpacked to packed, of the parts together
SMALL_BYTES = 256 * 1024**2  # below, the ratio does not matter: empty cells with a format pack well, and are no harm
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_BIFF_STARTS = (b"\x09\x08", b"\x09\x04", b"\x09\x02", b"\x09\x00")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_SEARCHED = 1024 * 1024


def workbook_kind(stream: BinaryIO, label: str) -> Kind:
    """Which kind of workbook a file is, whatever its name says.

    Raises:
        ConfigurationError: it is none, it is locked with a password, or its archive is torn or a bomb.
        TransientError: the file is empty.
    """
    stream.seek(0)
    start = stream.read(8)
    if start == _OLE:
        _refuse_encrypted(stream, label)
        return "xls"
    if start.startswith(_ZIP):
        with opened_archive(stream, label) as archive:
            return _zip_kind(archive, label)
    if start.startswith(_BIFF_STARTS):
        return "xls"
    if not start:
        raise TransientError(
            f"{label} is empty: nothing of the workbook is there yet. Next: run again when it is "
            "written; if it stays so, look at what writes it.",
            reason="FileEmpty",
        )
    raise ConfigurationError(
        f"{label} is no workbook: neither .xlsx nor .xls, .xlsb or .ods by its first bytes. Next: if a program wrote "
        "text or HTML under this name, declare csv; else have it saved as .xlsx.",
        reason="NotAWorkbook",
    )


@contextmanager
def opened_archive(stream: BinaryIO, label: str) -> Iterator[zipfile.ZipFile]:
    """The parts of a workbook, after a look at what unpacking them would take.

    Raises:
        ConfigurationError: the archive is torn, locked, or too large unpacked (NotAWorkbook, Encrypted, TooLarge).
    """
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise torn(label) from error
    with archive:
        _check_sizes(archive, label)
        yield archive


def torn(label: str) -> ConfigurationError:
    """The error for a workbook that was not written to its end."""
    return ConfigurationError(
        f"{label} is damaged, or was not written to its end: its archive cannot be unpacked. Next: copy it again, or "
        "open and save it with the program that made it.",
        reason="NotAWorkbook",
    )


def encrypted(label: str) -> ConfigurationError:
    """The error for a workbook that wants a password."""
    return ConfigurationError(
        f"{label} is locked with a password, which Ponte cannot open. Next: have it saved without one.",
        reason="EncryptedWorkbook",
    )


def _check_sizes(archive: zipfile.ZipFile, label: str) -> None:
    parts = archive.infolist()
    unpacked, packed = sum(part.file_size for part in parts), sum(part.compress_size for part in parts)
    is_bomb = unpacked > SMALL_BYTES and unpacked > MOST_RATIO * max(packed, 1)
    if len(parts) > MOST_PARTS or unpacked > MOST_BYTES or is_bomb:
        raise ConfigurationError(
            f"{label} is not opened: unpacked it would be {unpacked / 1024**2:,.0f} MiB in {len(parts):,} parts, out of"
            f" {packed / 1024**2:,.1f} MiB (limits: {MOST_BYTES / 1024**2:,.0f} MiB, {MOST_PARTS:,} parts,"
            f" {MOST_RATIO} to 1). Next: remove what is empty in it, or export CSV.",
            reason="TooLarge",
        )
    if any(part.flag_bits & 1 for part in parts):
        raise encrypted(label)


def _zip_kind(archive: zipfile.ZipFile, label: str) -> Kind:
    names = set(archive.namelist())
    if any(name.endswith("workbook.bin") for name in names):
        return "xlsb"
    if "[Content_Types].xml" in names and any(name.endswith("workbook.xml") for name in names):
        return "xlsx"
    if "content.xml" in names:
        if b"manifest:encryption-data" in _manifest(archive):
            raise encrypted(label)
        return "ods"
    raise ConfigurationError(
        f"{label} is a zip archive, but no workbook is in it. Next: have it saved as .xlsx.", reason="NotAWorkbook"
    )


def _manifest(archive: zipfile.ZipFile) -> bytes:
    try:
        with archive.open("META-INF/manifest.xml") as part:
            return part.read(_SEARCHED)
    except (KeyError, zipfile.BadZipFile, OSError):
        return b""


def _refuse_encrypted(stream: BinaryIO, label: str) -> None:
    stream.seek(0)
    held = b""
    while block := stream.read(_SEARCHED):
        if _ENCRYPTED in held + block:
            raise encrypted(label)
        held = block[-len(_ENCRYPTED) :]
