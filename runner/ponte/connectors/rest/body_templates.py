"""Bodies from templates: the structure that a manifest gives, with the values of one record or request in it.

The grammar is closed (see `ponte_api.templates`): a value is placed, never computed and never spliced into text, so
numbers stay numbers by their own digits and nothing that a record holds can become a part of the request's structure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ponte.connectors.json_columns import json_text
from ponte.errors import ConfigurationError
from ponte_api.templates import LITERAL, OPTIONAL, marker_of

_NO_SCALAR = frozenset('"n{[')
"""How JSON begins that is text already, null, or no single value."""
_FORMS = {
    "integer": re.compile(r"0|-?[1-9][0-9]*"),
    "number": re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?"),
    "boolean": re.compile(r"true|false"),
}


class UnfitValueError(ValueError):
    """A key, id or parameter that is not what the template sends it as; the value is not quoted."""


class _AbsentError(Exception):
    """Something optional has no value here."""


@dataclass(frozen=True, slots=True)
class Given:
    """What markers stand for in one request.

    Attributes:
        fields: JSON texts of the record's fields, by path; None for one that is to be left out.
        record: JSON text of the whole record.
        values: texts of key fields and, as `id`, of the target's own id.
        parameters: of a list: paging, bounds, what is looked for.
    """

    fields: Mapping[str, str | None] = field(default_factory=dict)
    record: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)


class BodyTemplate:
    """A body with markers.

    Args:
        node: the structure, checked already.
        where: the object and operation, for messages.

    Attributes:
        fields: paths named by `$field`.
        keys: names by `$key`.
        parameters: names by `$parameter`.
        has_id: whether `$id` stands in it.
        has_record: whether `$record` stands in it.
    """

    def __init__(self, node: Any, where: str) -> None:
        self._node = node
        self._where = where
        markers = list(_markers(node))
        self.fields = _named(markers, "$field")
        self.keys = _named(markers, "$key")
        self.parameters = _named(markers, "$parameter")
        self.has_id = any("$id" in marker for marker in markers)
        self.has_record = any("$record" in marker for marker in markers)

    def text(self, given: Given) -> str:
        """The body as JSON.

        Raises:
            UnfitValueError: a value is not what the template sends it as.
            ConfigurationError: the record has no field that the template places.
        """
        return self._text(self._node, given, is_optional=False) or "null"

    def _text(self, node: Any, given: Given, *, is_optional: bool) -> str | None:
        """JSON of a part; None for one that is left out."""
        marker = marker_of(node)
        if marker is not None:
            return self._place(marker, node, given, is_optional=is_optional)
        if isinstance(node, dict):
            members = ((name, self._text(part, given, is_optional=is_optional)) for name, part in node.items())
            return f"{{{','.join(f'{_quoted(name)}:{text}' for name, text in members if text is not None)}}}"
        if isinstance(node, list):
            return f"[{','.join(self._elements(node, given, is_optional=is_optional))}]"
        return json_text(node)

    def _elements(self, parts: list[Any], given: Given, *, is_optional: bool) -> Iterator[str]:
        """Elements of a list: what has no value is null, so that the others keep their places; `$optional` goes."""
        for part in parts:
            text = self._text(part, given, is_optional=is_optional)
            if text is not None:
                yield text
            elif marker_of(part) != OPTIONAL:
                yield "null"

    def _place(self, marker: str, node: dict[str, Any], given: Given, *, is_optional: bool) -> str | None:
        value = node[marker]
        if marker == LITERAL:
            return json_text(value)
        if marker == OPTIONAL:
            try:
                return self._text(value, given, is_optional=True)
            except _AbsentError:
                return None
        if marker == "$field":
            text = self._field(value, given, is_optional=is_optional)
            return text if text is None or "as" not in node or text[0] in _NO_SCALAR else _quoted(text)
        if marker == "$record":
            return given.record
        text = given.parameters.get(value) if marker == "$parameter" else given.values.get(_key_name(marker, value))
        if text is None and is_optional:
            raise _AbsentError
        return "null" if text is None else _typed(text, node.get("as", "string"))

    def _field(self, path: str, given: Given, *, is_optional: bool) -> str | None:
        if path not in given.fields and not is_optional:
            raise ConfigurationError(
                f"{self._where}: the body places the field {path}, which the Mapping does not deliver. Next: map it, "
                "or put what needs it into {$optional: ...}.",
                reason="UnknownField",
            )
        text = given.fields.get(path)
        if text is None and is_optional:
            raise _AbsentError
        return text


def _key_name(marker: str, value: Any) -> str:
    return "id" if marker == "$id" else str(value)


def _markers(node: Any) -> Iterator[dict[str, Any]]:
    marker = marker_of(node)
    if marker is not None and marker != OPTIONAL:
        yield node
        return
    parts = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for part in parts:
        yield from _markers(part)


def _named(markers: list[dict[str, Any]], marker: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(node[marker] for node in markers if marker in node))


def _typed(text: str, type_: str) -> str:
    if type_ == "string":
        return _quoted(text)
    if _FORMS[type_].fullmatch(text) is None:
        raise UnfitValueError(f"a value is no {type_}, as which the request sends it")
    return text


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
