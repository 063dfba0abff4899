"""Bodies by template: the closed grammar of what a request's body is made of, checked when a manifest is read.

A template is the body itself, with markers where values of the record or of the request go. A marker is an object whose
first name begins with `$`. There is no text substitution, no expression and no loop: a value stays what it is, and
nothing in a record can become a part of the template.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator

VALUES = ("$field", "$key", "$parameter")
"""Markers that name where a value comes from."""
WHOLES = ("$record", "$id")
"""Markers that are written with the value true."""
TYPES = ("string", "integer", "number", "boolean")
"""How a value that is text by nature (a key, an id, a parameter) is sent; a field may be sent as text by `string`."""
OPTIONAL = "$optional"
LITERAL = "$literal"
_TYPED = frozenset({"$field", "$key", "$parameter", "$id"})
_MOST_DEPTH = 16
_MOST_NODES = 2000
_LONGEST_NAME = 256
_LONGEST_TEXT = 4096


def marker_of(node: Any) -> str | None:
    """The marker that an object is; None for what is no marker."""
    return next((name for name in node if name.startswith("$")), None) if isinstance(node, dict) else None


def check_template(template: Any) -> Any:
    """The template, unchanged.

    Raises:
        ValueError: an unknown or malformed marker, or a template that is too large.
    """
    nodes = list(_nodes(template, 0))
    if len(nodes) > _MOST_NODES:
        raise ValueError(f"a body has at most {_MOST_NODES} parts")
    for node in nodes:
        _check_node(node)
    return template


def _nodes(node: Any, depth: int) -> Iterator[Any]:
    """All parts of a template but what stands inside a literal."""
    if depth > _MOST_DEPTH:
        raise ValueError(f"a body is nested at most {_MOST_DEPTH} deep")
    yield node
    if isinstance(node, dict) and LITERAL not in node:
        for value in node.values():
            yield from _nodes(value, depth + 1)
    elif isinstance(node, list):
        for value in node:
            yield from _nodes(value, depth + 1)


def _check_node(node: Any) -> None:
    if isinstance(node, float):
        raise ValueError("a number with a fraction is written by its digits, in quotes, or comes from a $field")  # noqa: TRY004 - pydantic takes ValueError
    if isinstance(node, str) and len(node) > _LONGEST_TEXT:
        raise ValueError(f"a text has at most {_LONGEST_TEXT} characters")
    if isinstance(node, dict) and not all(isinstance(name, str) for name in node):
        raise ValueError("names are text: put them in quotes")
    marker = marker_of(node)
    if marker is not None:
        _check_marker(marker, node)


def _check_marker(marker: str, node: dict[str, Any]) -> None:
    if marker not in {*VALUES, *WHOLES, OPTIONAL, LITERAL}:
        known = ", ".join((*VALUES, *WHOLES, OPTIONAL, LITERAL))
        raise ValueError(f"{marker[:40]} is no marker (there are {known}); a name that begins so goes into $literal")
    if extra := [name for name in node if name not in {marker, "as"} or (name == "as" and marker not in _TYPED)]:
        raise ValueError(f"{marker} stands alone in its object, without {extra[0][:40]}")
    value = node[marker]
    if marker in WHOLES and value is not True:
        raise ValueError(f"{marker} is written {{{marker}: true}}")
    if marker in VALUES and not (isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME):
        raise ValueError(f"{marker} names a field or parameter")
    if marker == "$field" and node.get("as", "string") != "string":
        raise ValueError("a $field has the type that the Mapping gives it; only `as: string` is for it")
    if node.get("as", "string") not in TYPES:
        raise ValueError(f"`as` is one of {', '.join(TYPES)}")


BodyTemplate = Annotated[Any, AfterValidator(check_template)]
VariablesTemplate = Annotated[dict[str, Any], AfterValidator(check_template)]
