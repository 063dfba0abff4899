"""What a set of manifest files declares, by kind and name, with everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field
from typing import TypeVar

from ponte.errors import ConfigurationError, UsageError
from ponte.manifests.faults import Fault, suggestion
from ponte.manifests.nodes import Node, find
from ponte_api.mapping import Mapping
from ponte_api.notification_channel import NotificationChannel
from ponte_api.sync_job import SyncJob
from ponte_api.sync_run import SyncRun
from ponte_api.sync_source import SyncSource

Resource = SyncSource | Mapping | SyncJob | SyncRun | NotificationChannel
KINDS: dict[str, type[Resource]] = {
    model.__name__: model for model in (SyncSource, Mapping, SyncJob, SyncRun, NotificationChannel)
}
Path = tuple[str | int, ...]
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Document:
    """One object as it is written: for faults that are found later."""

    file: str
    kind: str
    name: str
    node: Node

    def fault(self, path: Path, message: str) -> Fault:
        """A fault at a path of this object, such as ("spec", "fields", 3, "sql")."""
        return Fault(self.file, find(self.node, path)[0], f"{self.kind} {self.name}", written_path(path), message)


@dataclass(frozen=True, slots=True)
class Replaced:
    """An object of which a later `-f` has another: the later one counts, whole."""

    kind: str
    name: str
    file: str
    by: str

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.kind} {self.name} of {self.file} is replaced by {self.by}"


@dataclass(frozen=True, slots=True)
class Manifests:
    """All objects that were read, by kind and name. Those with faults of their own are not among them.

    Attributes:
        origin: what was read, for messages: `./integration`.
        faults: everything that keeps these manifests from running, in the order of files and lines.
        warnings: what deserves a look.
        replaced: objects that a later `-f` replaced.
        documents: each object as it is written, by (kind, name).
        files: how many files were read.
    """

    origin: str
    sources: ReadOnly[str, SyncSource] = field(default_factory=dict)
    mappings: ReadOnly[str, Mapping] = field(default_factory=dict)
    jobs: ReadOnly[str, SyncJob] = field(default_factory=dict)
    runs: ReadOnly[str, SyncRun] = field(default_factory=dict)
    channels: ReadOnly[str, NotificationChannel] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    replaced: tuple[Replaced, ...] = ()
    documents: ReadOnly[tuple[str, str], Document] = field(default_factory=dict)
    files: int = 0

    def job(self, name: str) -> SyncJob:
        """The SyncJob of that name. Raises as `_named`."""
        return self._named("SyncJob", self.jobs, name)

    def source(self, name: str) -> SyncSource:
        """The SyncSource of that name. Raises as `_named`."""
        return self._named("SyncSource", self.sources, name)

    def mapping(self, name: str) -> Mapping:
        """The Mapping of that name. Raises as `_named`."""
        return self._named("Mapping", self.mappings, name)

    def _named(self, kind: str, known: ReadOnly[str, _R], name: str) -> _R:
        """The object of that name.

        Raises:
            ConfigurationError: it has faults, or a file that may hold it cannot be read; with each of them.
            UsageError: there is none; with the nearest name.
        """
        if name in known:
            return known[name]
        missing = f'There is no {kind} "{name}" in {self.origin}'
        faulty = [fault for fault in self.faults if fault.object == f"{kind} {name}"]
        unread = [fault for fault in self.faults if not fault.object]
        if faulty or unread:
            told = [str(fault) for fault in faulty or unread]
            next_step = "Nothing was done. Next: mend these, then ponte validate."
            head = [] if faulty else [f"{missing}, as far as it can be read:"]
            raise ConfigurationError("\n".join([*head, *told, next_step]))
        others = [known_name for of_kind, known_name in self.documents if of_kind == kind]
        if not others:
            raise UsageError(
                f"{missing}, nor any other. Next: name the folder of the manifests by -f DIR.", reason="NotFound"
            )
        raise UsageError(f"{missing}. {suggestion(name, others)}", reason="NotFound")


def written_path(path: Path) -> str:
    """`fields[3].sql` of ("spec", "fields", 3, "sql")."""
    steps = path[1:] if path[:1] == ("spec",) else path
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
