"""XML bodies: between a document and the record that JSON would have, so that everything else need not know.

Reading is by the one hardened parser (`xml_records`). A document is a record with its root element as the only member:
`{"catalog": {"product": [...]}}`. Writing is by the order of the members; `@name` is an attribute, `#text` the text
beside attributes, a list its element repeated, no value an empty element. There are no entities but those of XML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ponte.connectors.http.port import Response
from ponte.connectors.records import decode
from ponte.connectors.rest.answers import MISSING, take
from ponte.connectors.rest.body_templates import UnfitValueError
from ponte.connectors.xml_errors import XmlError
from ponte.connectors.xml_records import Limits, parse_document
from ponte_api.objects import ListRequest, XmlBody

MEDIA = "application/xml"
_LIMITS = Limits(record=64 * 1024 * 1024)
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_NAME = re.compile(r"[^\W\d][\w.\-]*(:[^\W\d][\w.\-]*)?")
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}
_IN_TEXT = str.maketrans(_ESCAPES)
_IN_ATTRIBUTE = str.maketrans({**_ESCAPES, "\n": "&#10;", "\t": "&#9;"})
_CHARSET = re.compile(r"charset=\"?([\w.:-]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class XmlBodies:
    """The XML of one object.

    Attributes:
        body: how the manifest describes it.
        listed: how the object is listed, where it is.
    """

    body: XmlBody
    listed: ListRequest | None

    def decode(self, answer: Response) -> Any:
        """The document of an answer as a record.

        Raises:
            XmlError: it is no sound document, or a page of HTML.
        """
        media = answer.headers.get("content-type", "")
        if "html" in media.lower() and "xml" not in media.lower():
            raise XmlError("UnreadableAnswer", "a page of HTML came instead")
        records = self.listed.records if self.listed else None
        paths = [*self.body.lists, *([records] if records else [])]
        lists = frozenset(path.partition(".")[2].replace(".", "/") for path in paths if "." in path)
        charset = _CHARSET.search(media)
        document = parse_document(answer.body, lists, _LIMITS, charset[1] if charset else None)
        if {name.lower() for name in document} == {"html"}:
            raise XmlError("UnreadableAnswer", "a page of HTML came instead")
        if records and "." in records:
            self._fill(document, records)
        return document

    def encode_record(self, text: str) -> str:
        """The document of a record that is given as JSON."""
        return encode({self.body.element or "record": decode(text)})

    def _fill(self, document: dict[str, Any], records: str) -> None:
        """An empty list is no element at all in XML: where there is nothing else around it, the list is empty."""
        holder_path, _, name = records.rpartition(".")
        above, _, last = holder_path.rpartition(".")
        parent = take(document, above) if above else document
        holder = take(document, holder_path)
        total = take(document, self.listed.total) if self.listed and self.listed.total else MISSING
        if not isinstance(parent, dict) or holder is MISSING or isinstance(holder, list):
            return
        members = holder if isinstance(holder, dict) else {}
        is_bare = not (isinstance(holder, str) and holder.strip()) and all(key.startswith("@") for key in members)
        if name not in members and (is_bare or total == "0"):
            parent[last] = {**members, name: []}


def encode_text(text: str) -> str:
    """The document of a body that is given as JSON: an object with the root element as its only member."""
    return encode(decode(text))


def encode(document: Any) -> str:
    """An XML document.

    Raises:
        UnfitValueError: no single root element, a name that XML does not take, or a character that it cannot hold.
    """
    if not isinstance(document, dict) or len(document) != 1:
        raise UnfitValueError("a body in XML is an object with one member, the root element")
    ((name, value),) = document.items()
    if isinstance(value, list):
        raise UnfitValueError("the root element of a body in XML stands once")
    return _HEAD + "".join(_elements(name, value))


def _elements(name: str, value: Any) -> Iterator[str]:
    if _NAME.fullmatch(name) is None:
        raise UnfitValueError("a field's name cannot be the name of an element")
    if isinstance(value, list):
        for item in value:
            yield from _elements(name, [] if item == [] else item)
        return
    members = value if isinstance(value, dict) else {"#text": value}
    attributes = "".join(
        f' {_attribute_name(key)}="{_plain(part).translate(_IN_ATTRIBUTE)}"'
        for key, part in members.items()
        if key.startswith("@") and part is not None
    )
    yield f"<{name}{attributes}>"
    for key, part in members.items():
        if key == "#text":
            yield _plain(part).translate(_IN_TEXT)
        elif not key.startswith("@"):
            yield from _elements(key, part)
    yield f"</{name}>"


def _attribute_name(key: str) -> str:
    if _NAME.fullmatch(key[1:]) is None:
        raise UnfitValueError("a field's name cannot be the name of an attribute")
    return key[1:]


def _plain(value: Any) -> str:
    """A single value as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    if not isinstance(value, str):
        raise UnfitValueError("a list or object stands where XML has room for one value")
    if _UNWRITABLE.search(value):
        raise UnfitValueError("a text holds a character that XML cannot hold")
    return value
