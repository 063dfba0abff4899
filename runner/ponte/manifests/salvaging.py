"""What is sound of an object that has faults: so that one reading also finds what is wrong between objects.

A slip in one line of a SyncJob must not hide that its target does not exist. The parts that have faults are left out,
and the rest is checked against the other objects; it is never run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ponte.manifests.nodes import ListNode, MapNode, Node, ScalarNode, find
from ponte_api.common import BrokenRules

Path = tuple[str | int, ...]
_M = TypeVar("_M", bound=BaseModel)
_MOST_TRIES = 32
_INDEPENDENT = frozenset({"from", "sql", "where", "name", "object", "system", "mapping"})
"""What can be judged although something beside it is wrong."""


@dataclass(frozen=True, slots=True)
class Salvaged(Generic[_M]):
    """The sound rest of an object.

    Attributes:
        resource: the object without its faulty parts.
        gone: the paths that were left out, as they are written.
    """

    resource: _M
    gone: frozenset[Path]

    def written(self, path: Path) -> Path:
        """The path as it is written, of one in `resource`, where items of lists may have moved up."""
        return _written(self.gone, path)

    def is_doubtful(self, path: Path) -> bool:
        """Whether a finding at a written path may only be there because something was left out beside it."""
        if any(lost[: len(path)] == path for lost in self.gone):
            return True
        return path[-1] not in _INDEPENDENT and any(_item(lost) == _item(path) != () for lost in self.gone)


def salvage(root: Node, model: type[_M]) -> Salvaged[_M] | None:
    """The sound rest of an object; None where too much is wrong.

    Args:
        root: the object as it is written; it has faults.
        model: its model.
    """
    gone: set[Path] = {("status",)}
    for _ in range(_MOST_TRIES):
        try:
            resource = model.model_validate(_kept(root, gone, ()), strict=True, by_alias=True, by_name=False)
        except ValidationError as error:
            lost = {_removable(root, _written(gone, path)) for path in _faulty(error)}
            if any(len(path) < 2 for path in lost) or lost <= gone:
                return None
            gone |= lost
        else:
            return Salvaged(resource, frozenset(gone))
    return None


def _faulty(error: ValidationError) -> Iterable[Path]:
    for details in error.errors(include_url=False):
        broken = details.get("ctx", {}).get("error")
        if isinstance(broken, BrokenRules):
            yield from ((*details["loc"], *rule.path) for rule in broken.broken)
        else:
            yield details["loc"]


def _removable(root: Node, path: Path) -> Path:
    """The path itself where something stands there, else what is around it: it lacks something."""
    node = root
    for depth, step in enumerate(path):
        if isinstance(node, MapNode) and step in node.entries:
            node = node.entries[str(step)][1]
        elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            return path[:depth]
    return path


def _kept(node: Node, gone: set[Path], at: Path) -> object:
    match node:
        case ScalarNode():
            return node.value
        case ListNode():
            return [_kept(item, gone, (*at, i)) for i, item in enumerate(node.items) if (*at, i) not in gone]
        case MapNode():
            return {
                name: _kept(value, gone, (*at, name))
                for name, (_, value) in node.entries.items()
                if (*at, name) not in gone
            }


def _written(gone: Iterable[Path], path: Path) -> Path:
    written: Path = ()
    for step in path:
        if isinstance(step, int):
            lost = {item[-1] for item in gone if item[:-1] == written}
            step = [i for i in range(step + len(lost) + 1) if i not in lost][step]  # noqa: PLW2901 - the same step
        written = (*written, step)
    return written


def _item(path: Path) -> Path:
    """The innermost item of a list that a path leads into."""
    last = max((place for place, step in enumerate(path) if isinstance(step, int)), default=-1)
    return path[: last + 1]


def written_values(root: Node, path: Path, key: str) -> list[str]:
    """The texts at `key` of all items of the list at a path, whatever else is wrong with them."""
    node = find(root, path)[1]
    items = node.items if isinstance(node, ListNode) else ()
    return [value.value for item in items if isinstance(value := find(item, (key,))[1], ScalarNode)
            and isinstance(value.value, str)]  # fmt: skip
