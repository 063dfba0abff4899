"""YAML documents as trees that know their lines.

Made from parser events rather than by a YAML loader: nothing is ever constructed but text, numbers, lists and maps;
duplicate keys are faults; depth and size are bounded, and an alias counts with all that it stands for, so that a small
file cannot grow into a large tree ("billion laughs").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from ponte.manifests.scalars import Value, resolve

MOST_NODES = 500_000
MOST_DEPTH = 64
_STR = "tag:yaml.org,2002:str"
_PLAIN_TAGS = {None, "!", _STR}


class MalformedYaml(Exception):  # noqa: N818 - not an error of the package: it becomes a fault before anybody sees it
    """A file that cannot be read on: what, and at which line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """One value; `text` is how it is written."""

    line: int
    value: Value
    text: str
    size: int = 1


@dataclass(frozen=True, slots=True)
class ListNode:
    """A list."""

    line: int
    items: tuple[Node, ...]
    size: int


@dataclass(frozen=True, slots=True)
class MapNode:
    """A map; for each key its line and its value."""

    line: int
    entries: dict[str, tuple[int, Node]]
    size: int


Node = ScalarNode | ListNode | MapNode


@dataclass(slots=True)
class Composer:
    """Composes the documents of one text.

    Attributes:
        faults: (line, message) of what was wrong without being fatal; complete when all documents are read.
    """

    text: str
    faults: list[tuple[int, str]] = field(default_factory=list)
    _events: Iterator[yaml.Event] = field(init=False)
    _anchors: dict[str, Node] = field(default_factory=dict)
    _size: int = 0

    def documents(self) -> Iterator[Node]:
        """Yields one tree per document; empty documents are left out.

        Raises:
            MalformedYaml: the text cannot be read on; what was yielded before is good.
        """
        self._events = yaml.parse(self.text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        try:
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    self._anchors.clear()
                    node = self._node(next(self._events), depth=0)
                    if not (isinstance(node, ScalarNode) and node.value is None):
                        yield node
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise MalformedYaml(_plain_words(error), mark.line + 1 if mark else 1) from error
        except yaml.YAMLError as error:
            raise MalformedYaml(f"is no readable YAML: {error}", 1) from error

    def _node(self, event: yaml.Event, depth: int) -> Node:
        line = _line(event)
        if depth > MOST_DEPTH:
            raise MalformedYaml(f"is nested deeper than {MOST_DEPTH} levels", line)
        node = self._made(event, line, depth)
        anchor = getattr(event, "anchor", None)
        if anchor is not None and not isinstance(event, yaml.AliasEvent):
            self._anchors[anchor] = node
        return node

    def _made(self, event: yaml.Event, line: int, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor or "", line)
        self._grow(1, line)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, line)
        tag = getattr(event, "tag", None)
        if tag not in {None, "!", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"}:
            self.faults.append((line, f"the tag {tag} is not allowed: remove it"))
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(line, depth)
        return self._map(line, depth)

    def _grow(self, nodes: int, line: int) -> None:
        self._size += nodes
        if self._size > MOST_NODES:
            raise MalformedYaml(f"holds more than {MOST_NODES:,} values, aliases counted in full: split the file", line)

    def _alias(self, anchor: str, line: int) -> Node:
        if anchor not in self._anchors:
            raise MalformedYaml(f"*{anchor} refers to itself or to nothing above it", line)
        node = self._anchors[anchor]
        self._grow(node.size, line)
        return node

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> ScalarNode:
        if event.tag not in _PLAIN_TAGS:
            self.faults.append((line, f"the tag {event.tag} is not allowed: remove it"))
        if event.tag in {"!", _STR} or not event.implicit[0]:
            return ScalarNode(line, event.value, event.value)
        try:
            return ScalarNode(line, resolve(event.value), event.value)
        except ValueError as error:
            self.faults.append((line, str(error)))
            return ScalarNode(line, event.value, event.value)

    def _list(self, line: int, depth: int) -> ListNode:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return ListNode(line, tuple(items), 1 + sum(item.size for item in items))

    def _map(self, line: int, depth: int) -> MapNode:
        entries: dict[str, tuple[int, Node]] = {}
        merged: list[Node] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key_line, key = _line(event), self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
                merged.extend(value.items if isinstance(value, ListNode) else (value,))
                continue
            name = self._key(key, key_line)
            if name in entries:
                first = entries[name][0]
                self.faults.append((key_line, f'"{name}" stands twice, first in line {first}: remove one of them'))
            entries.setdefault(name, (key_line, value))
        self._merge(entries, merged, line)
        return MapNode(line, entries, 1 + sum(1 + value.size for _, value in entries.values()))

    def _key(self, key: Node, line: int) -> str:
        if not isinstance(key, ScalarNode):
            self.faults.append((line, "a list or map cannot be a key"))
            return f"line {line}"
        if not isinstance(key.value, str):
            self.faults.append((line, f'the key {key.text or "(empty)"} is not text: put it in quotes: "{key.text}"'))
        return key.text

    def _merge(self, entries: dict[str, tuple[int, Node]], merged: list[Node], line: int) -> None:
        for node in merged:
            if not isinstance(node, MapNode):
                self.faults.append((line, "<< takes a map, such as *anchor"))
                continue
            for name, entry in node.entries.items():
                entries.setdefault(name, entry)


def plain(node: Node) -> object:
    """The tree as plain lists, dicts and values."""
    match node:
        case ScalarNode():
            return node.value
        case ListNode():
            return [plain(item) for item in node.items]
        case MapNode():
            return {name: plain(value) for name, (_, value) in node.entries.items()}


def find(node: Node, path: tuple[str | int, ...]) -> tuple[int, Node]:
    """Line and tree at a path, or of the nearest thing above it that is there."""
    line = node.line
    for step in path:
        if isinstance(node, MapNode) and step in node.entries:
            line, node = node.entries[str(step)]
        elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            line = node.line
        else:
            break
    return line, node


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1


def _plain_words(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "cannot be read"
    if "\\t" in problem or "'\t'" in problem or "cannot start any token" in problem:
        return (
            "is no YAML here: a tab or another character that cannot begin a value. Indent with blanks, quote the text"
        )
    if "mapping values are not allowed" in problem:
        return "is no YAML here: a second `: ` in one line. Check the indentation, or put the value in quotes"
    return f"is no YAML here: {problem}"
