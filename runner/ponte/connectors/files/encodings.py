"""Encodings of text: known by name, and a byte that is of another one said with its place and what it may be."""

from __future__ import annotations

import codecs
import re
from difflib import get_close_matches

from ponte.errors import ConfigurationError

_PAGES = "1250 1251 1252 1253 1254 1257 437 850 852 858 037 273 500 1140"
_PARTS = "1 2 5 7 9 15"
_NAMES = [
    *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "ascii", "latin-1", "mac-roman", "koi8-r", "gb18030", "shift-jis"),
    *(f"cp{page}" for page in _PAGES.split()),
    *(f"iso-8859-{part}" for part in _PARTS.split()),
]
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CONTROLS = re.compile("[\x80-\x9f]")
_LIKELY = ("utf-8", "cp1252", "cp850")
_OF_ONE_BYTE = ("cp125", "iso8859")


def known_encoding(label: str, encoding: str) -> codecs.CodecInfo:
    """The codec of a name. Raises ConfigurationError, with the nearest name, where there is none for text."""
    try:
        information = codecs.lookup(encoding)
        is_text = information._is_text_encoding  # noqa: SLF001 - the only way to tell zip or hex from encodings of text
    except (LookupError, UnicodeError) as error:
        near = get_close_matches(encoding.lower(), _NAMES, 1, 0.5)
        guess = f" Did you mean {near[0]}?" if near else " Next: write one such as utf-8, utf-16, cp1252 "
        "and iso-8859-15."
        raise ConfigurationError(
            f"{label}: encoding {encoding!r} is unknown.{guess}", reason="UnknownEncoding"
        ) from error
    if not is_text or information.incrementaldecoder is None:
        raise ConfigurationError(
            f"{label}: {encoding!r} is no encoding of text. Next: name one, such as utf-8 or cp1252.",
            reason="UnknownEncoding",
        )
    return information


def check_start(label: str, encoding: str, start: bytes) -> None:
    """Raises ConfigurationError where the file's first bytes are plainly of another encoding than the declared one.

    Args:
        label: the file.
        encoding: the codec's own name.
        start: the first block of the file.
    """
    _check_mark(label, encoding, start)
    if encoding.startswith(_OF_ONE_BYTE) and not start.isascii() and (character := _beyond_ascii(start)):
        misread = character.encode().decode(encoding, errors="replace")
        raise ConfigurationError(
            f"{label} is UTF-8, but {encoding} is declared: {character!r} would be read as {misread!r}."
            " Next: set encoding utf-8.",
            reason="WrongEncoding",
        )


def _beyond_ascii(start: bytes) -> str:
    """The first character beyond ASCII of bytes that are UTF-8; empty for others."""
    try:
        text = codecs.getincrementaldecoder("utf-8")("strict").decode(start)
    except UnicodeDecodeError:
        return ""  # in texts of other encodings it is hard to meet a letter that could be UTF-8, let alone only such
    return next((character for character in text if not character.isascii()), "")


def _check_mark(label: str, encoding: str, start: bytes) -> None:
    mark = next((name for bytes_, name in _MARKS if start.startswith(bytes_)), None)
    if encoding == "utf-16" and mark != "utf-16" and start:
        raise ConfigurationError(
            f"{label} has no byte order mark, so which half of a character comes first cannot be known. Next: set "
            "encoding utf-16-le (Windows) or utf-16-be; or utf-8, where it is no UTF-16 at all.",
            reason="WrongEncoding",
        )
    is_other = mark is not None and mark not in {encoding, encoding.removesuffix("-sig"), encoding[:6]}
    if is_other and not encoding.startswith("utf-32"):
        raise ConfigurationError(
            f"{label} begins with the byte order mark of {mark}, but {encoding} is declared. Next: set encoding "
            f"{mark}.",
            reason="WrongEncoding",
        )


def check_text(encoding: str, text: str) -> None:
    """Raises UnicodeDecodeError for characters that only a text of another encoding would seem to have."""
    if not encoding.startswith("iso8859") or text.isascii():
        return
    found = _CONTROLS.search(text)  # ISO 8859 has a control character for each byte that Windows uses for a letter
    if found:
        raise UnicodeDecodeError(encoding, text.encode(encoding), found.start(), found.end(), "control character")


def wrong_encoding(label: str, encoding: str, error: UnicodeError, offset: int, line: int) -> ConfigurationError:
    """The error for a byte that the encoding does not know.

    Args:
        label: the file.
        encoding: the one that was declared.
        error: what the codec said.
        offset: where in the file the bytes begin that the codec had.
        line: number of the line in which they begin.
    """
    if not isinstance(error, UnicodeDecodeError):
        return ConfigurationError(f"{label} is not {encoding}. Next: set its encoding.", reason="WrongEncoding")
    bytes_, start = error.object, error.start
    line += bytes_[:start].decode(encoding, errors="ignore").count("\n")
    shown = bytes_[start : start + 1]
    return ConfigurationError(
        f"{label}, line {line}: byte {offset + start} (0x{shown.hex()}) is not {encoding}. Next: set the encoding of "
        f"the file{_guess(encoding, bytes_, start)}.",
        reason="WrongEncoding",
    )


def _guess(declared: str, bytes_: bytes, start: int) -> str:
    """Which encoding would know the bytes, and what they would be; nothing where none is likely."""
    if bytes_.count(0) > len(bytes_) // 4:
        return " (perhaps 'utf-16-le')" if bytes_[1:2] == b"\0" else " (perhaps 'utf-16-be')"
    for likely in _LIKELY:
        if codecs.lookup(likely) == codecs.lookup(declared):
            continue
        try:
            character = bytes_[start : start + (4 if likely == "utf-8" else 1)].decode(likely)[0]
        except (UnicodeDecodeError, IndexError):
            continue
        if character.isprintable():
            return f" (perhaps {likely!r}: there the byte is {character!r})"
    return ""
