"""Pieces that all kinds share: the strict base model, rules, bounded strings, references and resource metadata.

Unions are objects with exactly one member set, durations and numbers-as-data are strings, and nothing here has a
default that affects data: such defaults are resolved by the properties of the models, never by the API server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

GROUP = "ponte.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DURATION_PATTERN = r"^([0-9]{1,6}(ms|s|m|h|d))+$"
DECIMAL_PATTERN = r"^-?[0-9]{1,29}(\.[0-9]{1,9})?$"
REASON_PATTERN = r"^[A-Z][A-Za-z0-9]*$"

PATTERN_MEANINGS = {
    NAME_PATTERN: "lower-case letters, digits and -, beginning and ending with a letter or digit, such as erp-rome",
    DURATION_PATTERN: "a duration in ms, s, m, h or d, such as 90s, 26h or 1h30m",
    DECIMAL_PATTERN: "a decimal number in quotes with a point and no grouping, such as '12.50'",
    REASON_PATTERN: "a reason in PascalCase, such as RequiredFieldMissing",
}
"""What a pattern asks for, in plain words, for messages; modules with patterns of their own add to it."""

Name = Annotated[str, Field(min_length=1, max_length=40, pattern=NAME_PATTERN)]
FieldPath = Annotated[str, Field(min_length=1, max_length=256)]
Column = Annotated[str, Field(min_length=1, max_length=128)]
Text = Annotated[str, Field(max_length=4096)]
Sql = Annotated[str, Field(min_length=1, max_length=2048)]
Duration = Annotated[str, Field(max_length=32, pattern=DURATION_PATTERN)]
DecimalText = Annotated[str, Field(max_length=40, pattern=DECIMAL_PATTERN)]
Reason = Annotated[str, Field(max_length=64, pattern=REASON_PATTERN)]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration_seconds(text: str) -> float:
    """Seconds in a duration such as 26h, 1h30m or 500ms.

    Raises:
        ValueError: the text is no duration.
    """
    if not re.fullmatch(DURATION_PATTERN.strip("^$"), text):
        raise ValueError(f"{text!r} is not {PATTERN_MEANINGS[DURATION_PATTERN]}")
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"([0-9]+)(ms|s|m|h|d)", text))


CREDENTIALS_IN_URL = r"(?i)^\s*[a-z][a-z0-9+.-]*://([^/?#]*@|.*[?&](user|username|password|passwd|pwd|token|api_?key)=)"
"""A URL with a login in it, as user info (RFC 3986, 3.2.1) or in its query; the same syntax in Python and RE2."""


def has_credentials(text: str) -> bool:
    """Whether a text is a URL with a user name, password or token in it."""
    return re.search(CREDENTIALS_IN_URL, text) is not None


@dataclass(frozen=True, slots=True)
class Rule:
    """A check across fields, declared once for Python and for the API server.

    Attributes:
        message: what is wrong and what to do; the same words in the CLI and from kubectl.
        cel: the condition in CEL over `self` (and `oldSelf` in rules on changes).
        holds: the same condition over the model, or over the model and each item of the list named by `items`;
            None for rules on changes, which only the API server can check.
        items: a list (as named in Python) whose items are judged one by one, so that the offender can be named.
    """

    message: str
    cel: str
    holds: Callable[..., bool] | None = None
    items: str = ""

    def offenders(self, model: BaseModel) -> list[tuple[str | int, ...]]:
        """Paths below the model where the rule is broken."""
        if self.holds is None:
            return []
        if not self.items:
            return [] if self.holds(model) else [()]
        members = getattr(model, self.items)
        return [(self.items, index) for index, item in enumerate(members) if not self.holds(model, item)]


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that does not hold, and where below the object that declares it."""

    path: tuple[str | int, ...]
    message: str


UNIQUE_NAMES: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
"""Marks a list whose items have different names: the API server enforces it, and so does `Model`."""
UNIQUE_TARGETS: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["to"]}


class BrokenRules(ValueError):  # noqa: N818 - pydantic makes a ValidationError of it
    """Rules of one object that do not hold.

    Args:
        broken: each with its message.
    """

    def __init__(self, broken: list[Broken]) -> None:
        super().__init__("; ".join(rule.message for rule in broken))
        self.broken = broken


class Model(BaseModel):
    """Strict, frozen, camelCase outside and snake_case inside; checks the rules of its class and of its bases."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        alias_generator=to_camel,
        defer_build=True,  # a validator is built when its kind is first met, once, with all that it holds
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _rules_hold(self) -> Model:
        broken = [Broken(path, rule.message) for rule in type(self).rules for path in rule.offenders(self)]
        broken += _twins(self)
        if broken:
            raise BrokenRules(broken)
        return self


def _twins(model: BaseModel) -> list[Broken]:
    """Items with the same key in the lists of a model that are marked as having unique ones."""
    found: list[Broken] = []
    for name, field in type(model).model_fields.items():
        if not isinstance(extra := field.json_schema_extra, dict) or "x-kubernetes-list-map-keys" not in extra:
            continue
        (key,) = cast("list[str]", extra["x-kubernetes-list-map-keys"])
        seen: set[str] = set()
        for index, item in enumerate(getattr(model, name) or ()):
            value = getattr(item, key)
            if value in seen:
                found.append(
                    Broken((written_name(name, field), index, key), f'"{value}" stands twice: each {key} once')
                )
            seen.add(value)
    return found


class Union(Model):
    """A union as an object: exactly one member is set."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Declares the rule of the union, which follows from its members."""
        cls.rules = (exactly_one(*(written_name(name, field) for name, field in cls.model_fields.items())),)

    @property
    def chosen(self) -> tuple[str, Any]:
        """The name (as written in YAML) and the value of the member that is set."""
        fields = type(self).model_fields
        return next((written_name(name, fields[name]), value) for name, value in self if value is not None)


def written_name(name: str, field: FieldInfo) -> str:
    """The name of a field as it is written in YAML."""
    return field.alias or to_camel(name)


def exactly_one(*members: str) -> Rule:
    """The rule that exactly one of these fields (as written in YAML) is set."""
    return Rule(
        message=f"set exactly one of {', '.join(members)}",
        cel=" + ".join(f"(has(self.{cel_name(member)}) ? 1 : 0)" for member in members) + " == 1",
        holds=lambda model: sum(is_set(model, member) for member in members) == 1,
    )


def cel_name(name: str) -> str:
    """A field's name as CEL takes it: words of the language are escaped (Kubernetes, CustomResourceDefinitions)."""
    return f"__{name}__" if name in _CEL_WORDS else name


_CEL_WORDS = frozenset(
    {"true", "false", "null", "in", "if", "else", "for", "import", "namespace", "return", "var", "const"}
)


def is_set(model: BaseModel, written: str) -> bool:
    """Whether a field, by its name as written in YAML, is given."""
    for name, field in type(model).model_fields.items():
        if written_name(name, field) == written:
            return getattr(model, name) is not None
    raise KeyError(written)


class KeyRef(Model):
    """One key of a Secret or ConfigMap in the same namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the Secret or ConfigMap in this namespace; without a cluster, a folder of that name."""
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

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    name: Name
    """Name of the object; at most 40 characters, so that names derived from it stay legal."""
    namespace: str | None = None
    """Namespace; ignored without a cluster."""
    labels: dict[str, str] = {}
    """Labels, selected by NotificationChannels."""
    annotations: dict[str, str] = {}
    """Annotations; ponte.dev/requestedAt asks for a run."""
