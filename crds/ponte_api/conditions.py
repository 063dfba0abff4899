"""Conditions: what a status says about an object, in one table for all kinds (kstatus, KEP-1623)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field
from pydantic.config import JsonDict

from ponte_api.common import Model, Reason

CONDITION_TYPES = {
    "Ready": "Accepted and able to run. False after three failed runs in a row.",
    "Reconciling": "The operator is at work on it; present only when True.",
    "Stalled": "Nothing will happen until a person changes something; present only when True.",
    "ReferencesResolved": "Every SyncSource, object, Mapping, Secret and ConfigMap that it names is there.",
    "LastRunSucceeded": "How the last run ended.",
    "Fresh": "The last success is younger than the job's freshness asks.",
    "Aligned": "The last verify found both sides equal.",
    "RejectsPresent": "Some records did not get through.",
    "Listening": "Events are received.",
    "SchemaDrift": "The system's fields differ from the declared ones.",
}
"""Types of conditions and what True means."""

LIST_MAP: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}


class Condition(Model):
    """One fact about the object (KEP-1623)."""

    type: Annotated[str, Field(max_length=64, pattern=r"^[A-Z][A-Za-z]*$")]
    """Which fact, such as Ready."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the object that this was said of."""
    last_transition_time: datetime
    """When `status` last changed."""
    reason: Reason
    """One stable reason in PascalCase."""
    message: Annotated[str, Field(max_length=1024)]
    """What, why and the next step, for people."""


class Status(Model):
    """What is known of the object; written by the operator."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the object that this status is about."""
    conditions: Annotated[list[Condition], Field(max_length=16, json_schema_extra=LIST_MAP)] = []
    """Facts about the object."""
