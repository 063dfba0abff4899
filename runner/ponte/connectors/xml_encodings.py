"""The encoding that a document declares, against the bytes it has."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = bytes(range(0x80, 0xA0))  # in ISO 8859 these are control characters, which no text has


class XmlError(ValueError):
    """A document that cannot be read on.

    Attributes:
        reason: stable PascalCase.
        message: what is wrong and what to do, to stand behind the document's name and a colon.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Declared:
    """What encoding a document has, by what it says.

    Args:
        outside: the encoding as told from outside, where it was.
    """

    def __init__(self, outside: str | None) -> None:
        self.name = outside or "utf-8"
        self._is_outside = outside is not None
        self._mark: str | None = None
        self._start = b""

    def look(self, piece: bytes, offset: int) -> None:
        """Looks at bytes before they are parsed. Raises XmlError for encodings that are not for XML.

        Args:
            piece: the bytes.
            offset: where in the document they stand.
        """
        if offset < 4:
            self._start = (self._start + piece)[:4]
            self._mark = next((name for mark, name in _MARKS if self._start.startswith(mark)), None)
            self._check_start()

    def check(self, piece: bytes, offset: int) -> None:
        """Looks at bytes that were parsed. Raises XmlError for those that only another encoding would have there."""
        if self.name.lower().startswith(("iso-8859", "latin")) and len(piece.translate(None, _CONTROLS)) < len(piece):
            place = next(index for index, byte in enumerate(piece) if 0x80 <= byte < 0xA0)
            raise self.wrong(piece, place, f"byte {offset + place}")

    def note(self, _: str, encoding: str | None, __: int) -> None:
        """Takes the XML declaration. Raises XmlError where it contradicts the byte order mark."""
        if encoding is None or self._is_outside:
            return
        self.name = encoding[:40]
        plain = self.name.lower().replace("_", "-")
        if self._mark is not None and not plain.startswith(self._mark) and plain != self._mark.replace("-", ""):
            raise XmlError(
                "WrongEncoding", f"it says encoding {self.name!r}, but its byte order mark is of {self._mark}"
            )

    def wrong(self, piece: bytes, place: int, where: str) -> XmlError:
        """The error for a byte that the encoding does not have."""
        byte = piece[place : place + 1]
        likely = byte.decode("cp1252", errors="replace")
        perhaps = "" if likely == "\ufffd" else f" (in windows-1252 it would be {likely!r})"
        teller = "as it was told" if self._is_outside else "as its XML declaration says"
        return XmlError(
            "WrongEncoding",
            f"{where}: byte 0x{byte.hex()} is not of the encoding {self.name!r}, {teller}{perhaps}."
            " Next: have it declare the encoding that its bytes have",
        )

    def _check_start(self) -> None:
        if self._mark == "utf-32" or self._start.startswith((b"\0\0\0<", b"<\0\0\0")):
            raise XmlError(
                "UnknownEncoding", "it is in UTF-32, which XML files do not use. Next: have it exported in UTF-8"
            )
        if self._start.startswith(b"Lo\xa7\x94"):
            raise XmlError("UnknownEncoding", "it is in EBCDIC. Next: have it exported in UTF-8")
