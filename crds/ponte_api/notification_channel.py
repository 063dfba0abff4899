"""NotificationChannel: where people are told, of which jobs and which changes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ponte_api.common import Metadata, Model, Name
from ponte_api.conditions import Status

NotifiedEvent = Literal["Failed", "Rejected", "Stale", "Misaligned", "AwaitingApproval", "Recovered"]


class JobSelector(Model):
    """Which jobs a channel is about."""

    match_names: Annotated[list[Name], Field(max_length=128)] = []
    """Jobs by name; with none, all jobs."""


class NotificationChannelSpec(Model):
    """Of which jobs and which changes people are told."""

    jobs: JobSelector | None = None
    """Which jobs (default all)."""
    events: Annotated[list[NotifiedEvent], Field(min_length=1, max_length=6)]
    """Which changes."""


class NotificationChannel(Model):
    """Where people are told, of which jobs and which changes."""

    api_version: Literal["ponte.dev/v1alpha1"]
    """Version of this API."""
    kind: Literal["NotificationChannel"]
    """NotificationChannel."""
    metadata: Metadata
    """Name and labels."""
    spec: NotificationChannelSpec
    """Of which jobs and which changes people are told."""
    status: Status | None = None
    """What is known of the channel; written by the operator."""
