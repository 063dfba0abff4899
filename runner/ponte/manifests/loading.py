"""From files to manifests: the loading that the CLI, the agent and pods share.

files -> documents -> (later `-f` replaces) -> models -> checks over all of them. Every step collects its faults and
goes on, so that one reading finds all that is wrong.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from ponte.manifests.checks import check
from ponte.manifests.collection import KINDS, Document, Manifests, Replaced, Resource, written_path
from ponte.manifests.faults import Fault, suggestion
from ponte.manifests.files import Unreadable, manifest_files, text_of
from ponte.manifests.nodes import Composer, ListNode, MalformedYaml, MapNode, Node, ScalarNode, find, plain
from ponte.manifests.salvaging import Salvaged, salvage
from ponte.manifests.wording import faults_of
from ponte_api.common import API_VERSION, GROUP

_Key = tuple[str, str]


@dataclass(slots=True)
class _Reading:
    """What one load has found so far."""

    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    replaced: list[Replaced] = field(default_factory=list)
    documents: dict[_Key, Document] = field(default_factory=dict)
    files: int = 0

    def fault(self, file: str, line: int, message: str, *, object_: str = "", path: str = "") -> None:
        self.faults.append(Fault(file, line, object_, path, message))


def load(paths: Sequence[Path]) -> Manifests:
    """Reads manifests from files and folders; a later path replaces whole objects of the earlier ones.

    Faults do not raise: they are all in the result.

    Raises:
        UsageError: there is nothing at one of the paths.
    """
    reading = _Reading()
    for path in paths:
        _read_layer(path, reading)
    objects, salvaged = _validated(reading)
    manifests = Manifests(
        origin=", ".join(_shown(path) for path in paths),
        **{attribute: _by_name(objects, kind) for kind, attribute in _ATTRIBUTES.items()},  # type: ignore[arg-type]  # one attribute per kind
        replaced=tuple(reading.replaced),
        documents=reading.documents,
        files=reading.files,
    )
    faults, warnings = check(manifests, salvaged)
    return replace(
        manifests,
        faults=tuple(sorted({*reading.faults, *faults})),
        warnings=tuple(sorted({*reading.warnings, *warnings})),
    )


_ATTRIBUTES = {
    "SyncSource": "sources",
    "Mapping": "mappings",
    "SyncJob": "jobs",
    "SyncRun": "runs",
    "NotificationChannel": "channels",
}


def _by_name(objects: dict[_Key, Resource], kind: str) -> dict[str, Resource]:
    return {name: resource for (of_kind, name), resource in objects.items() if of_kind == kind}


def _shown(path: Path) -> str:
    """A path as the middle of a sentence that a full stop ends."""
    if path.name in ("", ".."):
        return "this folder" if path == Path() else f"the folder {path.resolve()}"
    return str(path) if path.is_absolute() or str(path).startswith(".") else f"./{path}"


def _read_layer(path: Path, reading: _Reading) -> None:
    """Reads one `-f`: twice the same object is a fault, an object of an earlier `-f` is replaced."""
    layer: dict[_Key, Document] = {}
    for file in manifest_files(path):
        reading.files += 1
        for document in _documents(str(file), is_named=file == path, reading=reading):
            key = (document.kind, document.name)
            if key in layer:
                first = layer[key]
                where = f"{first.file}:{first.node.line}"
                reading.faults.append(
                    document.fault(("metadata", "name"), f"stands twice, first in {where}: remove one")
                )
                continue
            layer[key] = document
    for key, document in layer.items():
        if key in reading.documents:
            reading.replaced.append(Replaced(*key, file=reading.documents[key].file, by=document.file))
    reading.documents.update(layer)


def _documents(file: str, *, is_named: bool, reading: _Reading) -> Iterator[Document]:
    """Yields the Ponte objects of one file; `is_named` when the user named the file itself."""
    try:
        composer = Composer(text_of(Path(file)))
    except Unreadable as error:
        reading.fault(file, 1, str(error))
        return
    try:
        for node in composer.documents():
            for item in _items(node):
                document = _identified(file, item, is_named=is_named, reading=reading)
                if document is not None:
                    yield document
    except MalformedYaml as error:
        reading.fault(file, error.line, error.message)
    for line, message in composer.faults:
        reading.fault(file, line, message)


def _items(node: Node) -> tuple[Node, ...]:
    """The objects of a `kind: List`, as kubectl prints several; else the node itself."""
    items = node.entries.get("items") if isinstance(node, MapNode) and _word(node, "kind") == "List" else None
    return items[1].items if items is not None and isinstance(items[1], ListNode) else (node,)


def _word(node: Node, *path: str) -> str:
    """The text at a path of keys, or nothing."""
    for step in path:
        if not isinstance(node, MapNode) or step not in node.entries:
            return ""
        node = node.entries[step][1]
    return node.value if isinstance(node, ScalarNode) and isinstance(node.value, str) else ""


def _identified(file: str, node: Node, *, is_named: bool, reading: _Reading) -> Document | None:
    kind, version = _word(node, "kind"), _word(node, "apiVersion")
    if not kind and not version:
        found = reading.faults if is_named else reading.warnings
        found.append(Fault(file, node.line, "", "", "is no Kubernetes object: apiVersion and kind are missing"))
        return None
    group = version.rpartition("/")[0]
    is_ours = group == GROUP or (kind in KINDS and _is_meant_as_ours(group))
    if not is_ours:
        return None
    name = _word(node, "metadata", "name")
    if version != API_VERSION:
        reading.fault(
            file,
            find(node, ("apiVersion",))[0],
            f'"{version}" is not known to this version of Ponte: write {API_VERSION}',
            object_=f"{kind} {name}".strip(),
            path="apiVersion",
        )
        return None
    if kind not in KINDS:
        message = f'"{kind}" is not a kind of {GROUP}. {suggestion(kind, KINDS)}'
        reading.fault(file, find(node, ("kind",))[0], message, path="kind")
        return None
    return Document(file, kind, name or f"(line {node.line})", node)


def _is_meant_as_ours(group: str) -> bool:
    """Whether a group is a slip of ours: other projects have kinds of the same name, such as Mapping."""
    return not group or difflib.SequenceMatcher(None, group, GROUP).ratio() > 0.8


def _validated(reading: _Reading) -> tuple[dict[_Key, Resource], dict[_Key, Salvaged[Resource]]]:
    """The sound objects, and what is sound of the others."""
    objects: dict[_Key, Resource] = {}
    salvaged: dict[_Key, Salvaged[Resource]] = {}
    for key, document in reading.documents.items():
        value = plain(document.node)
        if isinstance(value, dict):
            value.pop("status", None)
        model = KINDS[document.kind]
        try:
            objects[key] = model.model_validate(value, strict=True, by_alias=True, by_name=False)
        except ValidationError as error:
            object_ = f"{document.kind} {document.name}"
            for line, path, message in faults_of(error, model, document.node):
                reading.fault(document.file, line, message, object_=object_, path=written_path(path))
            rest = salvage(document.node, model)
            if rest is not None:
                salvaged[key] = rest
    return objects, salvaged
