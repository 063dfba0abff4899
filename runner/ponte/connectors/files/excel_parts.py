"""The parts of an .xlsx as text, in pieces that end where an element begins: bounded memory, and no XML surprises.

Programs that write workbooks use a small part of XML. The rest is refused, so that none of its traps can spring:
document types (and with them entities), comments, CDATA and encodings other than UTF-8.
"""

from __future__ import annotations

import codecs
import re
import zipfile
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from ponte.connectors.files.excel_archive import torn
from ponte.errors import ConfigurationError

BLOCK_BYTES = 2 * 1024 * 1024
LONGEST_PIECE = 64 * 1024 * 1024  # characters of one element: a row has 16,384 cells at most
SMALL_PART = 16 * 1024 * 1024  # bytes of a part that is read whole: the list of sheets, the styles
_PREFIX = re.compile(r"<([A-Za-z_][\w.-]*):(?:worksheet|sst)[\s>]")
_ENTITY = re.compile(r"&(#x[0-9a-fA-F]{1,6}|#[0-9]{1,7}|lt|gt|amp|quot|apos);")
_ESCAPE = re.compile(r"_x([0-9a-fA-F]{4})_")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


def read_pieces(archive: zipfile.ZipFile, part: str, element: str, label: str) -> Iterator[str]:
    """Yields the text of a part, cut before occurrences of an element; namespace prefixes are taken off.

    Args:
        archive: the workbook.
        part: its name.
        element: name of the element, such as row.
        label: how messages call the workbook.

    Raises:
        ConfigurationError: the part is damaged, or has XML that no workbook needs.
    """
    rest = prefix = ""
    is_first = True
    for text in _texts(archive, part, label):
        if is_first:
            found = _PREFIX.search(text[:4096])
            prefix, is_first = f"{found[1]}:" if found else "", False
        held = rest + text
        cut = held.rfind(f"<{prefix}{element}")
        if cut > 0:
            yield _plain(held[:cut], prefix, part, label)
            held = held[cut:]
        if len(held) > LONGEST_PIECE:
            raise ConfigurationError(
                f"{label}: {part} has an element that is too large. Next: remove what is not needed in it, or export "
                "CSV.",
                reason="TooLarge",
            )
        rest = held
    yield _plain(rest, prefix, part, label)


def read_tree(archive: zipfile.ZipFile, part: str, label: str) -> ET.Element:
    """A small part as a tree.

    Raises:
        ConfigurationError: it is not there, too large, damaged, or has XML that no workbook needs.
    """
    try:
        size = archive.getinfo(part).file_size
    except KeyError as error:
        raise ConfigurationError(
            f"{label} lacks its part {part}. Next: open and save it with Excel or LibreOffice.", reason="NotAWorkbook"
        ) from error
    if size > SMALL_PART:
        raise ConfigurationError(
            f"{label}: its part {part} has {size:,} bytes, which is too many. Next: remove what is not needed in it, "
            "or export CSV.",
            reason="TooLarge",
        )
    text = _plain("".join(_texts(archive, part, label)), "", part, label)
    try:
        return ET.fromstring(text)  # noqa: S314 - `_plain` has refused document types, and so entities
    except ET.ParseError as error:
        raise torn(label) from error


def decode_text(text: str) -> str:
    """Text of an element as it was typed: entities (XML 1.0, 4.6) and the escapes of ECMA-376, 22.9.2.19."""
    if "&" in text:
        text = _ENTITY.sub(_entity, text)
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    return _ESCAPE.sub(_escape, text) if "_x" in text else text


def _entity(match: re.Match[str]) -> str:
    name = match[1]
    if not name.startswith("#"):
        return _NAMED[name]
    number = int(f"0{name[1:]}", 0) if name[1] == "x" else int(name[1:])
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\ufffd"


def _escape(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if not 0xD800 <= number <= 0xDFFF else match[0]


def _plain(text: str, prefix: str, part: str, label: str) -> str:
    if "<!" in text:
        raise ConfigurationError(
            f"{label}: {part} has a document type, a comment or CDATA, which workbooks never need and attacks do."
            " Next: open and save it with Excel or LibreOffice.",
            reason="NotAWorkbook",
        )
    return text.replace(f"<{prefix}", "<").replace(f"</{prefix}", "</") if prefix else text


def _texts(archive: zipfile.ZipFile, part: str, label: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        with archive.open(part) as stream:
            while block := stream.read(BLOCK_BYTES):
                yield decoder.decode(block)
            decoder.decode(b"", final=True)
    except KeyError as error:
        raise ConfigurationError(
            f"{label} lacks its part {part}. Next: open and save it with Excel or LibreOffice.", reason="NotAWorkbook"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{label}: {part} is not UTF-8. Next: open and save it with Excel or LibreOffice.", reason="NotAWorkbook"
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise torn(label) from error
