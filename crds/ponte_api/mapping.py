"""Mapping: which fields go where, how they are converted, what must hold, who may see what, with its own tests."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ponte_api.common import (
    UNIQUE_NAMES,
    UNIQUE_TARGETS,
    DecimalText,
    FieldPath,
    Metadata,
    Model,
    Name,
    Reason,
    Rule,
    Sql,
    Text,
    Union,
    exactly_one,
)
from ponte_api.conditions import Status
from ponte_api.objects import FieldType

Rounding = Literal["halfUp", "halfEven", "halfDown", "up", "down", "ceiling", "floor"]
Sensitivity = Literal["personal", "secret", "commercial"]


class Nothing(Model):
    """An empty object: the member of a union is all there is to say."""


class ValuePair(Model):
    """One value and what becomes of it."""

    from_: Annotated[Text, Field(alias="from")]
    """The value as the source has it."""
    to: Text | None
    """What it becomes; null for no value."""


class Otherwise(Union):
    """What becomes of a value that is not in the list."""

    reject: Nothing | None = None
    """The record is rejected (UnknownValue)."""
    keep: Nothing | None = None
    """The value stays as it is."""
    value: Text | None = None
    """It becomes this value."""
    null: Nothing | None = None
    """It becomes no value."""


class Replace(Model):
    """A replacement in text."""

    pattern: Annotated[str, Field(min_length=1, max_length=512)]
    """Regular expression (RE2-like syntax, no back-references, linear time)."""
    by: Text = ""
    """What each match becomes (default: nothing, the match is removed); ${1} stands for the first group, ${name} for a
    named one, $$ for a dollar."""


class Lookup(Model):
    """The value is a key of a record that another job delivered; it becomes that record's id at the target."""

    system: Name
    """SyncSource to which the other record was delivered."""
    object: Name
    """Its object there."""
    by: Literal["sourceKey", "naturalKey"] | None = None
    """Which key of the other record the value is (default sourceKey)."""

    @property
    def resolved_by(self) -> Literal["sourceKey", "naturalKey"]:
        """Which key of the other record the value is."""
        return self.by or "sourceKey"


class Measure(Union):
    """A currency (ISO 4217) or unit: fixed or from a field."""

    value: Annotated[str, Field(min_length=1, max_length=16)] | None = None
    """Always this one."""
    from_: Annotated[FieldPath | None, Field(alias="from")] = None
    """The one in this field of the source."""


_NOT_WITH_EACH = ("type", "format", "round", "case", "replace", "values", "default", "maxLength", "pattern", "lookup")


def _is_number(type_: str | None) -> bool:
    return type_ is not None and (type_ in {"integer", "float"} or type_.startswith("decimal"))


class Converted(Model):
    """How one value is made: where it comes from, how it is converted, what must hold."""

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one("from", "sql", "value"),
        Rule(
            message="otherwise needs values: it says what becomes of a value that is not among them",
            cel="!has(self.otherwise) || has(self.values)",
            holds=lambda rule: rule.otherwise is None or bool(rule.values),
        ),
        Rule(
            message="onTooLong needs maxLength: it says what becomes of longer text",
            cel="!has(self.onTooLong) || has(self.maxLength)",
            holds=lambda rule: rule.on_too_long is None or rule.max_length is not None,
        ),
        Rule(
            message="min and max are for numbers: add type: integer, decimal(12,2) or float",
            cel="!(has(self.min) || has(self.max)) || "
            "(has(self.type) && (self.type == 'integer' || self.type == 'float' || self.type.startsWith('decimal')))",
            holds=lambda rule: (rule.min is None and rule.max is None) or _is_number(rule.type),
        ),
        Rule(
            message="round is for decimals: add a type such as decimal(12,2), or remove round",
            cel="!has(self.round) || (has(self.type) && self.type.startsWith('decimal'))",
            holds=lambda rule: rule.round is None or (rule.type or "").startswith("decimal"),
        ),
    )

    to: FieldPath
    """Field of the target; dots nest: address.city."""
    from_: Annotated[FieldPath | None, Field(alias="from")] = None
    """Field of the source; paths reach into nested data: address.city, items[0].sku."""
    sql: Sql | None = None
    """A scalar SQL expression over the fields of the source."""
    value: Text | None = None
    """A fixed value, as text; `type` converts it."""
    type: FieldType | None = None
    """Type at the target: string, integer, decimal(p,s), float, boolean, date, datetime, json.

    Without it the value stays as it is."""
    format: Annotated[str, Field(max_length=128)] | None = None
    """How text stands for the type.

    Dates: a pattern of yyyy MM dd HH mm ss SSS, or epochSeconds, epochMillis. Numbers: trailingMinus.
    Booleans: the words for true and false, as yes|no."""
    locale: Annotated[str, Field(max_length=16)] | None = None
    """Which decimal and grouping marks numbers in text use: it, de, fr, en, ch ... (default: a point, no grouping)."""
    time_zone: Annotated[str, Field(max_length=64)] | None = None
    """Zone of a date and time that names none, such as Europe/Rome."""
    round: Rounding | None = None
    """How a decimal with too many digits is rounded; without it such a value is rejected."""
    trim: bool = False
    """Take blanks off both ends."""
    case: Literal["upper", "lower"] | None = None
    """Change the case of letters."""
    replace: Annotated[list[Replace], Field(max_length=16)] = []
    """Replacements in text, in this order, after trim."""
    values: Annotated[list[ValuePair], Field(max_length=1024)] = []
    """A list of values and what they become."""
    otherwise: Otherwise | None = None
    """What becomes of a value that is not in `values` (default: reject)."""
    default: Text | None = None
    """Value where the source has none, as text."""
    required: bool = False
    """A record without this value is rejected (RequiredFieldMissing). Empty text counts as none."""
    on_null: Literal["send", "omit"] | None = None
    """Whether no value is sent as null, emptying the field (send, the default), or not sent at all (omit)."""
    max_length: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Longest text, in characters."""
    on_too_long: Literal["reject", "truncate"] | None = None
    """What becomes of longer text (default reject)."""
    pattern: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    """Regular expression that the whole text must match."""
    min: DecimalText | None = None
    """Smallest number."""
    max: DecimalText | None = None
    """Greatest number."""
    check: Sql | None = None
    """A condition in SQL over the fields of the target that must hold."""
    lookup: Lookup | None = None
    """The value is a key of another record; it becomes that record's id at the target."""
    sensitive: Sensitivity | None = None
    """Masked in all outputs; kept payloads are encrypted."""
    currency: Measure | None = None
    """Currency of an amount; sent beside it as TO + 'Currency' where `to` names a plain field."""
    unit: Measure | None = None
    """Unit of a quantity; sent beside it as TO + 'Unit'."""

    @property
    def is_omitted_when_null(self) -> bool:
        """Whether no value is left out rather than sent as null."""
        return self.on_null == "omit"


def _list_rule() -> Rule:
    others = " || ".join(f"has(self.{name})" for name in _NOT_WITH_EACH)
    return Rule(
        message=f"each makes a list: it takes from, and {', '.join(_NOT_WITH_EACH)} belong to its rules",
        cel=f"!has(self.each) || (has(self.from) && !({others}))",
        holds=lambda rule: rule.each is None or (rule.from_ is not None and not _has_any(rule, _NOT_WITH_EACH)),
    )


def _has_any(rule: Converted, names: tuple[str, ...]) -> bool:
    return any(getattr(rule, "max_length" if name == "maxLength" else name) not in (None, []) for name in names)


class InnerField(Converted):
    """A field of an element of a list within a list's element."""


class ElementField(Converted):
    """A field of an element of a list."""

    rules: ClassVar[tuple[Rule, ...]] = (*Converted.rules, _list_rule())

    each: Annotated[list[InnerField], Field(min_length=1, max_length=20, json_schema_extra=UNIQUE_TARGETS)] | None = (
        None
    )
    """The value is a list; these rules make each of its elements."""


class FieldRule(Converted):
    """A field of the target."""

    rules: ClassVar[tuple[Rule, ...]] = (*Converted.rules, _list_rule())

    each: Annotated[list[ElementField], Field(min_length=1, max_length=64, json_schema_extra=UNIQUE_TARGETS)] | None = (
        None
    )
    """The value is a list; these rules make each of its elements."""


class Audience(Model):
    """Who may see what: a job's target names one, and only its fields and rows leave."""

    name: Name
    """Name that a SyncJob's target gives."""
    fields: Annotated[list[FieldPath], Field(min_length=1, max_length=512)]
    """Target fields (`to`) that this audience gets; the key is always among them."""
    where: Sql | None = None
    """Only records for which this holds, over the fields of the target, are for this audience."""


class ExpectedReject(Model):
    """A reject that a mapping test expects."""

    field: FieldPath
    """Field of the fault."""
    reason: Reason
    """Its reason, such as RequiredFieldMissing."""


class MappingTest(Model):
    """One record and what the Mapping makes of it; run by `ponte test` and before each change goes live."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            message="a test needs exactly one of expect, reject and left: true",
            cel="(has(self.expect) ? 1 : 0) + (has(self.reject) ? 1 : 0) + (has(self.left) && self.left ? 1 : 0) == 1",
            holds=lambda test: (test.expect is not None) + (test.reject is not None) + test.left == 1,
        ),
    )

    name: Text | None = None
    """What the test shows."""
    given: dict[str, Any]
    """The record as the source gives it."""
    expect: dict[str, Any] | None = None
    """The record as the target gets it; fields left out are not compared."""
    reject: ExpectedReject | None = None
    """The fault that is expected."""
    left: bool = False
    """Whether `where` leaves the record out."""
    audience: Name | None = None
    """Audience for which the record is mapped."""


class MappingSpec(Model):
    """Rules that make a target's record of a source's."""

    key: Annotated[list[FieldPath], Field(min_length=1, max_length=8)]
    """Target fields that identify a record at the target (the natural key)."""
    where: Sql | None = None
    """Only records for which this holds, over the fields of the source, are mapped."""
    fields: Annotated[list[FieldRule], Field(min_length=1, max_length=512, json_schema_extra=UNIQUE_TARGETS)]
    """The rules, one per field of the target."""
    audiences: Annotated[list[Audience], Field(max_length=32, json_schema_extra=UNIQUE_NAMES)] = []
    """Who may see what."""
    tests: Annotated[list[MappingTest], Field(max_length=256)] = []
    """Examples that must hold."""


class Mapping(Model):
    """Which fields go where, how they are converted, what must hold, who may see what, with its own tests."""

    api_version: Literal["ponte.dev/v1alpha1"]
    """Version of this API."""
    kind: Literal["Mapping"]
    """Mapping."""
    metadata: Metadata
    """Name and labels."""
    spec: MappingSpec
    """The rules."""
    status: Status | None = None
    """What is known of the Mapping; written by the operator."""
