"""Why a document cannot be read, in words: Expat's own name the place and not the cause."""

from __future__ import annotations

from xml.parsers import expat
from xml.parsers.expat import errors

from ponte.connectors.xml_encodings import Declared, XmlError

__all__ = ["XmlError", "explain"]

_CUT = {errors.XML_ERROR_NO_ELEMENTS, errors.XML_ERROR_UNCLOSED_TOKEN, errors.XML_ERROR_PARTIAL_CHAR}
_CUT_CODES = {errors.codes[name] for name in (*_CUT, errors.XML_ERROR_UNCLOSED_CDATA_SECTION)}
_ENCODING_CODES = {errors.codes[errors.XML_ERROR_INCORRECT_ENCODING], errors.codes[errors.XML_ERROR_UNKNOWN_ENCODING]}


def explain(error: expat.ExpatError, piece: bytes, place: int, declared: Declared) -> XmlError:
    """What an error of the parser means.

    Args:
        error: the error.
        piece: the bytes that were parsed last.
        place: where in them the error is; it may lie before them.
        declared: the encoding.
    """
    where = f"line {error.lineno}, column {error.offset + 1}"
    if error.code in _CUT_CODES:
        return XmlError("IncompleteXml", f"it ends at {where} before it is complete")
    if error.code in _ENCODING_CODES:
        return XmlError("WrongEncoding", f"it says encoding {declared.name!r}, and its bytes are of another one")
    if error.code == errors.codes[errors.XML_ERROR_INVALID_TOKEN] and 0 <= place < len(piece) and piece[place] > 0x7F:
        return declared.wrong(piece, place, where)
    if error.code == errors.codes[errors.XML_ERROR_UNDEFINED_ENTITY]:
        return XmlError("InvalidXml", f"{where}: an entity that XML does not have by itself, such as &nbsp;")
    return XmlError("InvalidXml", f"{where}: {expat.ErrorString(error.code)}")
