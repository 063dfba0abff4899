"""SyncRun: one execution of a SyncJob. Immutable; runs once per namespace, name and spec."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ponte_api.common import Metadata, Model, Name, Text

Action = Literal["sync", "verify", "repair", "plan"]
Read = Literal["all", "changes", "keys", "range"]
WriteMode = Literal["differences", "all"]


class SyncRunSpec(Model):
    """What to do, once."""

    job: Name
    """The SyncJob."""
    action: Action | None = None
    """sync (default), verify, repair or plan."""
    read: Read | None = None
    """all, changes, keys or range (default all; keys where `keys` is given, range where `from` or `to` is)."""
    write: WriteMode | None = None
    """differences (default): only what changed since it was delivered. all: also what others may have changed."""
    keys: Annotated[list[Text], Field(max_length=10_000)] = []
    """Source keys, for read: keys. Fields of a key of several are joined by a tab."""
    from_: Annotated[Text | None, Field(alias="from")] = None
    """Lower bound of the cursor, for read: range (inclusive)."""
    to: Text | None = None
    """Upper bound of the cursor, for read: range (inclusive)."""


class SyncRun(Model):
    """One execution of a SyncJob."""

    api_version: Literal["ponte.dev/v1alpha1"]
    """Version of this API."""
    kind: Literal["SyncRun"]
    """SyncRun."""
    metadata: Metadata
    """Name and labels."""
    spec: SyncRunSpec
    """What to do, once."""
