"""Writes an object's fields into the text of a manifest, touching nothing else: comments, order and style stay.

Works on positions in the text, because every YAML library that writes documents rewrites the person's layout too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from ponte.engine.ports import SchemaField
from ponte.errors import ConfigurationError


@dataclass(frozen=True, slots=True, order=True)
class _Edit:
    """Replaces text[start:end]."""

    start: int
    end: int
    text: str


def lock_fields(text: str, source: str, object_name: str, fields: Sequence[SchemaField]) -> str:
    """The text with the `fields` of an object as given.

    Fields that are there keep their line, their comments and what else stands in them; only a type that differs is
    changed. New ones are added behind, those that are gone are taken out.

    Raises:
        ConfigurationError: the object stands in the text in a way that cannot be edited safely; nothing is changed.
    """
    node = _object_node(text, source, object_name)
    edits = sorted(_edits(text, node, fields))
    changed = text
    for edit in reversed(edits):
        changed = changed[: edit.start] + edit.text + changed[edit.end :]
    _require_only_fields_changed(text, changed, (source, object_name), fields)
    return changed


def _object_node(text: str, source: str, object_name: str) -> yaml.MappingNode:
    for document in yaml.compose_all(text, Loader=yaml.SafeLoader):
        if _scalar(document, "kind") != "SyncSource" or _scalar(_value(document, "metadata"), "name") != source:
            continue
        objects = _value(_value(document, "spec"), "objects")
        for node in objects.value if isinstance(objects, yaml.SequenceNode) else ():
            if isinstance(node, yaml.MappingNode) and _scalar(node, "name") == object_name:
                return node
    raise ConfigurationError(
        f'{source}: object "{object_name}" does not stand in the file as a map of its own. '
        f"Next: write its fields by hand, as ponte schema {source} {object_name} shows them."
    )


def _edits(text: str, node: yaml.MappingNode, fields: Sequence[SchemaField]) -> Iterator[_Edit]:
    present = _value(node, "fields")
    if _written_fields(present) == {field.name: field.type for field in fields}:
        return
    if not isinstance(present, yaml.SequenceNode) or not present.value:
        yield from _new_list(text, node, fields, present)
    elif present.flow_style:
        yield _Edit(present.start_mark.index, present.end_mark.index, _flow_list(fields))
    else:
        yield from _changed_list(text, present, fields)


def _written_fields(present: yaml.Node | None) -> dict[str | None, str | None]:
    items = present.value if isinstance(present, yaml.SequenceNode) else ()
    return {_scalar(item, "name"): _scalar(item, "type") for item in items}


def _new_list(
    text: str, node: yaml.MappingNode, fields: Sequence[SchemaField], present: yaml.Node | None
) -> Iterator[_Edit]:
    if present is not None:
        yield _Edit(present.start_mark.index, present.end_mark.index, _flow_list(fields))
    elif node.flow_style:
        yield _Edit(node.end_mark.index - 1, node.end_mark.index - 1, f", fields: {_flow_list(fields)}")
    else:
        indent = " " * node.start_mark.column
        lines = [f"{indent}fields:", *(f"{indent}- {_flow_map(field)}" for field in fields)]
        yield _inserted_below(text, _last_leaf(node), lines)


def _changed_list(text: str, present: yaml.SequenceNode, fields: Sequence[SchemaField]) -> Iterator[_Edit]:
    wanted = {field.name: field for field in fields}
    standing = {_scalar(item, "name"): item for item in present.value}
    for name, item in standing.items():
        kind = _value(item, "type")
        if name not in wanted:
            yield _Edit(_line_start(text, item.start_mark.index), _line_end(text, _last_leaf(item).end_mark.index), "")
        elif kind is not None and kind.value != wanted[name].type:
            yield _Edit(kind.start_mark.index, kind.end_mark.index, _quoted(wanted[name].type, is_flow=True))
    indent = " " * (present.start_mark.column)
    added = [f"{indent}- {_flow_map(field)}" for field in fields if field.name not in standing]
    if added:
        yield _inserted_below(text, _last_leaf(present), added)


def _inserted_below(text: str, leaf: yaml.Node, lines: list[str]) -> _Edit:
    at = _line_end(text, leaf.end_mark.index)
    opening = "" if at and text[at - 1] == "\n" else "\n"
    return _Edit(at, at, opening + "\n".join(lines) + "\n")


def _last_leaf(node: yaml.Node) -> yaml.Node:
    """The last thing of a node that has an end of its own: a block's end mark lies behind the comments below it."""
    if not isinstance(node, yaml.CollectionNode) or not node.value or node.flow_style:
        return node
    last = node.value[-1]
    return _last_leaf(last[1] if isinstance(last, tuple) else last)


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _line_end(text: str, index: int) -> int:
    """Just behind the end of the line that holds `index`; a block scalar's end lies at the next line already."""
    if index and text[index - 1] == "\n":
        return index
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _flow_list(fields: Sequence[SchemaField]) -> str:
    return "[" + ", ".join(_flow_map(field) for field in fields) + "]"


def _flow_map(field: SchemaField) -> str:
    return f"{{name: {_quoted(field.name, is_flow=True)}, type: {_quoted(field.type, is_flow=True)}}}"


def _quoted(value: str, *, is_flow: bool) -> str:
    """The text as a YAML scalar that is read back as this very text."""
    written = yaml.safe_dump([value], default_flow_style=is_flow, allow_unicode=True, width=10_000).strip()
    return written.removeprefix("[").removesuffix("]")


def _value(node: yaml.Node | None, name: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _scalar(node: yaml.Node | None, name: str) -> str | None:
    value = _value(node, name)
    return value.value if isinstance(value, yaml.ScalarNode) else None


def _require_only_fields_changed(
    before: str, after: str, where: tuple[str, str], fields: Sequence[SchemaField]
) -> None:
    """Reads both texts again: the fields must be the wanted ones, everything else the same."""
    refused = ConfigurationError(
        f'{where[0]}: the fields of "{where[1]}" cannot be written into this file without changing '
        f"something else. Next: write them by hand, as ponte schema {where[0]} {where[1]} shows them."
    )
    try:
        old, new = (list(yaml.safe_load_all(text)) for text in (before, after))
    except yaml.YAMLError as error:
        raise refused from error
    written = [(field.get("name"), field.get("type")) for field in _take_fields(new, where)]
    _take_fields(old, where)
    if sorted(written) != sorted((field.name, field.type) for field in fields) or old != new:
        raise refused


def _take_fields(documents: list[object], where: tuple[str, str]) -> list[dict[str, object]]:
    source, object_name = where
    for document in documents:
        match document:
            case {"kind": "SyncSource", "metadata": {"name": name}, "spec": {"objects": objects}} if name == source:
                found = next(entry for entry in objects if entry.get("name") == object_name)
                return list(found.pop("fields", None) or [])
    return []
