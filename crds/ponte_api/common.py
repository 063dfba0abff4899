"""Pieces that all kinds share: the strict base model, bounded strings, references and resource metadata.

Unions are objects with exactly one member set, durations and numbers-as-data are strings, and nothing here has a
default that affects data: such defaults are resolved by the properties of the models, never by the API server.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

GROUP = "ponte.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DURATION_PATTERN = r"^([0-9]{1,6}(ms|s|m|h|d))+$"
DECIMAL_PATTERN = r"^-?[0-9]{1,29}(\.[0-9]{1,9})?$"

Name = Annotated[str, Field(min_length=1, max_length=40, pattern=NAME_PATTERN)]
FieldPath = Annotated[str, Field(min_length=1, max_length=256)]
Column = Annotated[str, Field(min_length=1, max_length=128)]
Text = Annotated[str, Field(max_length=4096)]
Sql = Annotated[str, Field(min_length=1, max_length=2048)]
Duration = Annotated[str, Field(max_length=32, pattern=DURATION_PATTERN)]
DecimalText = Annotated[str, Field(max_length=40, pattern=DECIMAL_PATTERN)]


class Model(BaseModel):
    """Strict, frozen, camelCase outside and snake_case inside."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        alias_generator=to_camel,
        use_attribute_docstrings=True,
    )


class Union(Model):
    """A union as an object: exactly one member is set."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Union:
        present = [name for name, value in self if value is not None]
        if len(present) != 1:
            allowed = ", ".join(to_camel(name) for name in type(self).model_fields)
            raise ValueError(f"set exactly one of {allowed} (found {len(present)})")
        return self

    @property
    def chosen(self) -> tuple[str, Any]:
        """The name (as written in YAML) and the value of the member that is set."""
        return next((to_camel(name), value) for name, value in self if value is not None)


class KeyRef(Model):
    """One key of a Secret or ConfigMap in the same namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the Secret or ConfigMap in this namespace; without a cluster, a folder (or prefix of variables) of that name."""
    key: Annotated[str, Field(min_length=1, max_length=253)]
    """Key inside it; without a cluster, a file in that folder."""


class ValueFrom(Union):
    """Where a setting is read from."""

    config_map_ref: KeyRef | None = None
    """A key of a ConfigMap."""
    secret_ref: KeyRef | None = None
    """A key of a Secret."""


class Setting(Union):
    """A connection setting: written here or read from a ConfigMap or Secret."""

    value: Annotated[str, Field(max_length=2048)] | None = None
    """The value itself. Never a secret."""
    value_from: ValueFrom | None = None
    """Where the value is read from."""


class Secret(Model):
    """A credential: only ever a reference, never a value."""

    secret_ref: KeyRef
    """The key of a Secret that holds it."""


class Metadata(BaseModel):
    """The part of Kubernetes' ObjectMeta that Ponte reads; anything else in it is left alone."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Name
    """Name of the object; at most 40 characters, so that names derived from it stay legal."""
    namespace: str | None = None
    """Namespace; ignored without a cluster."""
    labels: dict[str, str] = {}
    """Labels, selected by NotificationChannels."""
    annotations: dict[str, str] = {}
    """Annotations; ponte.dev/requestedAt asks for a run."""
