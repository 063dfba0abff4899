"""What pydantic says, in plain words that name the fix.

The words of pydantic are for programmers ("Input should be a valid string"); those who write manifests are told what
stands there, what is wanted, and what to write instead.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ponte.manifests.faults import nearest
from ponte.manifests.nodes import ListNode, MapNode, Node, ScalarNode, find
from ponte_api.common import PATTERN_MEANINGS, BrokenRules, written_name
from ponte_api.descriptions import descriptions

Path = tuple[str | int, ...]


def faults_of(error: ValidationError, model: type[BaseModel], root: Node) -> Iterator[tuple[int, Path, str]]:
    """Yields (line, path, message) for everything that is wrong with one object.

    Args:
        error: what pydantic found.
        model: the model that was validated.
        root: the object as it is written.
    """
    for details in error.errors(include_url=False):
        for path, message in _messages(details, model, root):
            yield find(root, path)[0], path, message


def _messages(details: ErrorDetails, model: type[BaseModel], root: Node) -> list[tuple[Path, str]]:
    path, context = details["loc"], details.get("ctx", {})
    if details["type"] == "value_error" and isinstance(broken := context["error"], BrokenRules):
        return [((*path, *rule.path), rule.message) for rule in broken.broken]
    return [(path, _message(details, model, find(root, path)[1]))]


def _message(details: ErrorDetails, model: type[BaseModel], node: Node) -> str:
    kind = details["type"]
    context: dict[str, Any] = details.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "extra_forbidden":
        return _unknown(str(details["loc"][-1]), fields_at(model, details["loc"][:-1]))
    if kind == "missing":
        return _missing(details["loc"], model)
    if isinstance(node, ScalarNode) and node.value is None:
        return "is empty: give it a value or remove the line"
    if kind in _WORDS:
        return _WORDS[kind](context, node)
    return details["msg"]


def _unknown(name: str, fields: dict[str, str]) -> str:
    close = nearest(name, fields)
    if close is not None:
        return f'is not a known field. Did you mean "{close}"?'
    return f"is not a known field. There is: {', '.join(sorted(fields))}." if fields else "is not a known field"


def _missing(path: Path, model: type[BaseModel]) -> str:
    meaning = fields_at(model, path[:-1]).get(str(path[-1]), "")
    return f"is missing{': ' + meaning if meaning else ''}"


def fields_at(model: type[BaseModel], path: Path) -> dict[str, str]:
    """The fields that may stand at a path of a model, as written in YAML, each with its description in one line."""
    current: type[BaseModel] | None = model
    for step in path:
        if isinstance(step, int) or current is None:
            continue
        names = {written_name(name, field): field for name, field in current.model_fields.items()}
        current = _model_in(names[step].annotation) if step in names else None
    if current is None:
        return {}
    described = descriptions(current)
    return {
        written_name(name, field): " ".join(described.get(name, "").split())
        for name, field in current.model_fields.items()
    }


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside Optional, Annotated and list."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    return next((found for part in typing.get_args(annotation) if (found := _model_in(part)) is not None), None)


def _stands(node: Node) -> str:
    match node:
        case ListNode():
            return "a list stands here"
        case MapNode():
            return "a map stands here"
        case ScalarNode(value=bool()):
            return f"{node.text} means {'true' if node.value else 'false'} in YAML"
        case ScalarNode(value=str()):
            return f'"{node.text[:60]}" is text'
        case _:
            return f"{node.text[:60]} is a number in YAML"


def _text_wanted(_: dict[str, Any], node: Node) -> str:
    if isinstance(node, ScalarNode):
        return f'{_stands(node)} and text is wanted: put it in quotes: "{node.text}"'
    return f"{_stands(node)} and text is wanted"


def _bool_wanted(_: dict[str, Any], node: Node) -> str:
    quoted = isinstance(node, ScalarNode) and node.text.lower() in {"true", "false"}
    return f"{_stands(node)} and true or false is wanted{': remove the quotes' if quoted else ''}"


def _number_wanted(_: dict[str, Any], node: Node) -> str:
    quoted = isinstance(node, ScalarNode) and node.text.lstrip("-").isdigit()
    return f"{_stands(node)} and a whole number is wanted{': remove the quotes' if quoted else ''}"


def _fields_wanted(context: dict[str, Any], node: Node) -> str:
    """For credentials and settings without what stands there: it may be a secret."""
    match context.get("class_name"):
        case "Secret":
            return "a credential is never written here: give secretRef: {name: ..., key: ...}"
        case "KeyRef":
            return "a reference is wanted: name: ... and key: ..., of a Secret or ConfigMap"
        case "Setting" | "ValueFrom":
            return "a map is wanted: give value: ..., or valueFrom: {secretRef: {name: ..., key: ...}}"
        case _:
            return f"{_stands(node)} and a map of fields is wanted"


def _pattern(context: dict[str, Any], node: Node) -> str:
    pattern = context["pattern"]
    text = node.text[:60] if isinstance(node, ScalarNode) else ""
    return f'"{text}" is not {PATTERN_MEANINGS.get(pattern, f"of the form {pattern}")}'


def _one_of(context: dict[str, Any], node: Node) -> str:
    text = node.text[:60] if isinstance(node, ScalarNode) else ""
    allowed = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
    close = nearest(text, allowed)
    hint = f' Did you mean "{close}"?' if close is not None else ""
    return f'"{text}" is not one of {", ".join(allowed)}.{hint}'


def _sized(wanted: str) -> Callable[[dict[str, Any], Node], str]:
    return lambda context, _: wanted.format(**context)


_WORDS: dict[str, Callable[[dict[str, Any], Node], str]] = {
    "string_type": _text_wanted,
    "bool_type": _bool_wanted,
    "int_type": _number_wanted,
    "list_type": lambda _, node: f"{_stands(node)} and a list is wanted: begin each of its items with -",
    "dict_type": lambda _, node: f"{_stands(node)} and a map is wanted",
    "model_type": _fields_wanted,
    "literal_error": _one_of,
    "string_pattern_mismatch": _pattern,
    "string_too_short": _sized("is shorter than {min_length} characters"),
    "string_too_long": _sized("is longer than {max_length} characters"),
    "too_short": _sized("has fewer than {min_length} items"),
    "too_long": _sized("has more than {max_length} items"),
    "greater_than_equal": _sized("is less than {ge}"),
    "less_than_equal": _sized("is greater than {le}"),
}
