"""XML as records, by the one hardened parser of this project: for files, REST answers and SOAP alike.

Expat, fed piece by piece, with handlers that refuse: a DOCTYPE ends the reading before anything of it is read, so that
there are no entities, no external files and no network; depth, sizes and the number of names are bounded, and only
the record at hand is in memory (see ADR 0021). Records are what JSON would have: members by name, repeated elements
as lists, attributes as `@name`, text beside attributes or elements as `#text`, and every value text.

Sources: Extensible Markup Language 1.0 (5th edition), Namespaces in XML 1.0; defusedxml's list of attacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat  # its handlers below refuse what makes it dangerous

from ponte.connectors.xml_encodings import Declared
from ponte.connectors.xml_errors import XmlError, explain

Record = dict[str, Any]
_PIECE_BYTES = 64 * 1024
_BETWEEN = "\x1f"  # stands in no XML document: between a namespace and a name
_ANY = "*"
_SCHEMA_INSTANCE = f"http://www.w3.org/2001/XMLSchema-instance{_BETWEEN}"
_NIL = _SCHEMA_INSTANCE + "nil"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a document may ask of this machine; beyond it, reading ends with an error.

    Attributes:
        depth: elements within elements.
        record: characters of one record, names and texts together.
        token: bytes of one tag, comment or processing instruction.
        names: different names of elements and attributes in records.
        total: bytes of the document.
    """

    depth: int = 64
    record: int = 16 * 1024 * 1024
    token: int = 1024 * 1024
    names: int = 4096
    total: int = 16 * 1024**3


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the records of a document are, and what they look like.

    Attributes:
        records: path of the record elements from the root, such as /catalog/product or /c:catalog/c:product; a step *
            is any name.
        namespaces: prefixes used in paths and names, with their URIs. Without any, namespaces are left out of account.
            With some, a name without prefix is in no namespace, and one of another namespace is {uri}name.
        lists: paths below a record, such as lines/line, whose elements are a list even where there is only one.
    """

    records: str
    namespaces: dict[str, str] = field(default_factory=dict)
    lists: frozenset[str] = frozenset()

    @property
    def steps(self) -> tuple[str, ...]:
        """The names on the path to a record."""
        return tuple(step for step in self.records.split("/") if step)


DEFAULT_LIMITS = Limits()


def parse_records(
    chunks: Iterable[bytes], shape: Shape, limits: Limits = DEFAULT_LIMITS, encoding: str | None = None
) -> Iterator[Record]:
    """Yields the records of a document, in its order. Values are text, None, lists and records.

    Args:
        chunks: the document.
        shape: where its records are.
        limits: what it may cost.
        encoding: as told from outside (a Content-Type), which then holds; else as the document says.

    Raises:
        XmlError: the document is cut, not well-formed, in another encoding, has a DOCTYPE, asks too much, or nothing
            in it is where the records should be. What was yielded before is sound; the rest cannot be read.
    """
    document = _Document(_Building(shape, limits), limits, encoding)
    for chunk in chunks:
        for start in range(0, len(chunk), _PIECE_BYTES):
            yield from document.feed(chunk[start : start + _PIECE_BYTES])
    yield from document.end()


def parse_document(
    text: bytes,
    lists: frozenset[str] = frozenset(),
    limits: Limits = DEFAULT_LIMITS,
    encoding: str | None = None,
) -> Record:
    """A whole document as one record, with its root element as the only member.

    Args:
        text: the document.
        lists: paths below the root, such as product/line, whose elements are a list even where there is only one.
        limits: what it may cost; the document is one record.
        encoding: as told from outside, which then holds.

    Raises:
        XmlError: see `parse_records`.
    """
    building = _Building(Shape("/*", lists=lists), limits)
    document = _Document(building, limits, encoding)
    found: list[Record] = []
    for start in range(0, len(text), _PIECE_BYTES):
        found += document.feed(text[start : start + _PIECE_BYTES])
    found += document.end()
    root = found[0]
    return {building.root: root["#text"] if set(root) == {"#text"} else root or None}


class _Document:
    """The parser and what is open in it."""

    def __init__(self, building: _Building, limits: Limits, encoding: str | None) -> None:
        self._building = building
        self._limits = limits
        self._declared = Declared(encoding)
        self._fed = 0
        self._parser = expat.ParserCreate(encoding, _BETWEEN)
        self._parser.ordered_attributes = True
        self._parser.buffer_text = True
        self._parser.buffer_size = _PIECE_BYTES
        self._parser.StartElementHandler = self._building.start
        self._parser.EndElementHandler = self._building.end
        self._parser.CharacterDataHandler = self._building.text
        self._parser.XmlDeclHandler = self._declared.note
        self._parser.StartDoctypeDeclHandler = _refuse_doctype
        self._parser.EntityDeclHandler = _refuse_doctype
        self._parser.ExternalEntityRefHandler = _refuse_doctype

    def feed(self, piece: bytes) -> list[Record]:
        self._declared.look(piece, self._fed)
        self._fed += len(piece)
        if self._fed > self._limits.total:
            raise XmlError("XmlTooLarge", f"it has more than {self._limits.total} bytes")
        self._parse(piece, is_final=False)
        self._declared.check(piece, self._fed - len(piece))
        if self._fed - self._parser.CurrentByteIndex > self._limits.token:
            raise XmlError("XmlTooLarge", f"a tag or comment is longer than {self._limits.token} bytes")
        return self._building.take()

    def end(self) -> list[Record]:
        self._parse(b"", is_final=True)
        self._building.check_found()
        return self._building.take()

    def _parse(self, piece: bytes, *, is_final: bool) -> None:
        try:
            self._parser.Parse(piece, is_final)
        except expat.ExpatError as error:
            raise explain(error, piece, self._parser.ErrorByteIndex - self._fed + len(piece), self._declared) from error
        except LookupError as error:
            raise XmlError("UnknownEncoding", f"it says encoding {self._declared.name!r}, which is unknown") from error
        except ValueError as error:
            if isinstance(error, XmlError):
                raise
            raise XmlError("UnknownEncoding", f"encoding {self._declared.name!r} cannot be read in XML") from error


def _refuse_doctype(*_: object) -> int:
    raise XmlError(
        "DoctypeRefused", "it has a DOCTYPE. Ponte reads none, for what it can pull in. Next: have it exported without"
    )


@dataclass(slots=True)
class _Element:
    name: str
    path: str
    members: Record
    texts: list[str]
    is_nil: bool = False


class _Building:
    """Records as they come out of elements and texts."""

    def __init__(self, shape: Shape, limits: Limits) -> None:
        self._steps = shape.steps
        self._lists = shape.lists
        self._limits = limits
        prefixes = {uri: prefix for prefix, uri in shape.namespaces.items()}
        self._names = _Names(prefixes, limits.names)
        self._attributes = _Names(prefixes, limits.names)
        self._depth = 0
        self._matched = 0
        self._furthest = 0
        self._astray = ""
        self.root = ""
        self._size = 0
        self._open: list[_Element] = []
        self._done: list[Record] = []

    def start(self, raw: str, attributes: list[str]) -> None:
        self._depth += 1
        if self._depth > self._limits.depth:
            raise XmlError("TooDeep", f"its elements are nested deeper than {self._limits.depth}")
        if self._open:
            self._begin(raw, attributes)
        elif self._matched == self._depth - 1 and self._depth <= len(self._steps):
            self._match(raw, attributes)

    def end(self, _: str) -> None:
        self._depth -= 1
        self._matched = min(self._matched, self._depth)
        if not self._open:
            return
        element = self._open.pop()
        text = "".join(element.texts)
        if not self._open:
            if text.strip():
                element.members["#text"] = text
            self._done.append(element.members)
            self._size = 0
            return
        value: Any = text or None
        if element.members:
            value = element.members
            if text.strip():
                value["#text"] = text
        self._add(self._open[-1].members, element, None if element.is_nil else value)

    def text(self, text: str) -> None:
        if self._open:
            self._open[-1].texts.append(text)
            self._grow(len(text))

    def take(self) -> list[Record]:
        """The records that are whole."""
        done, self._done = self._done, []
        return done

    def check_found(self) -> None:
        """Raises XmlError where not even the element around the records was there."""
        if self._furthest < max(len(self._steps) - 1, 1):
            wanted = "/" + "/".join(self._steps[: self._furthest + 1])
            found = f"; it has {self._astray!r} there" if self._astray else ""
            raise XmlError(
                "RecordsNotFound", f"it has no element {wanted}{found}. Next: correct the path of the records"
            )

    def _match(self, raw: str, attributes: list[str]) -> None:
        name = self._names.of_path(raw)
        self.root = self.root or name
        if self._steps[self._depth - 1] not in {name, _ANY}:
            self._astray = self._astray if self._depth <= self._furthest else name[:200]
            return
        self._matched = self._depth
        self._furthest = max(self._furthest, self._depth)
        if self._depth == len(self._steps):
            self._begin(raw, attributes)

    def _begin(self, raw: str, attributes: list[str]) -> None:
        name = self._names.of(raw)
        path = ""
        if self._lists and self._open:
            path = f"{self._open[-1].path}/{name}"
        element = _Element(name, path, {}, [])
        size = len(name)
        for attribute, value in zip(attributes[::2], attributes[1::2], strict=True):
            if attribute.startswith(_SCHEMA_INSTANCE):  # about types and schemas, not data
                element.is_nil |= attribute == _NIL and value.strip() in {"true", "1"}
                continue
            element.members["@" + self._attributes.of(attribute)] = value
            size += len(attribute) + len(value)
        self._open.append(element)
        self._grow(size)

    def _add(self, members: Record, element: _Element, value: Any) -> None:
        if element.name in members:
            held = members[element.name]
            if type(held) is list:
                held.append(value)
            else:
                members[element.name] = [held, value]
        else:
            is_list = bool(self._lists) and element.path[1:] in self._lists
            members[element.name] = [value] if is_list else value

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._limits.record:
            raise XmlError("XmlTooLarge", f"a record has more than {self._limits.record} characters")


class _Names:
    """Names of elements and attributes as records have them."""

    def __init__(self, prefixes: dict[str, str], most: int) -> None:
        self._prefixes = prefixes
        self._most = most
        self._known: dict[str, str] = {}
        self._raw: dict[str, str] = {}

    def of(self, raw: str) -> str:
        """A name in a record."""
        known = self._known.get(raw)
        return known if known is not None else self._learn(raw)

    def of_path(self, raw: str) -> str:
        """A name on the path to the records."""
        uri, _, local = raw.rpartition(_BETWEEN)
        if not self._prefixes or not uri:
            return local
        return f"{self._prefixes[uri]}:{local}" if uri in self._prefixes else f"{{{uri}}}{local}"

    def _learn(self, raw: str) -> str:
        name = self.of_path(raw)
        if len(self._known) >= self._most:
            raise XmlError("TooManyNames", f"its records have more than {self._most} different names")
        other = self._raw.setdefault(name, raw)
        if other != raw:
            uris = " and ".join(sorted(spelled.rpartition(_BETWEEN)[0] or "(none)" for spelled in (other, raw)))
            raise XmlError("AmbiguousName", f"{name!r} stands in the namespaces {uris}. Next: declare namespaces")
        self._known[raw] = name
        return name
