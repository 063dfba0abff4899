"""What a rule can see: fields of the source with what is declared of them, or fields of the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from ponte.errors import ConfigurationError
from ponte.mapping import paths
from ponte.mapping.conversion import Conversion
from ponte.mapping.convert import convert, target_type, to_text
from ponte.mapping.faults import Detail, Label, show
from ponte.mapping.forms import Form
from ponte.mapping.kinds import Kind, parse_kind
from ponte.mapping.sql.emitter import Tell, sql_type
from ponte.mapping.sql.values import BOOLEAN, NOTHING, TEXT, SqlType, Steps, Value
from ponte_api.sync_source import DeclaredField

INTERNAL = "ponte#"
"""Start of the names of all columns that the mapping adds; no source has such names."""
_FLOAT = Kind("decimal", 36, 15)


@dataclass(frozen=True, slots=True)
class Scope:
    """The fields of the source.

    Attributes:
        schema: columns of the records; None where nothing but nulls was seen.
        declared: what the source's object says of its fields, by name.
        masked: top-level fields whose values must not be shown.
        inside: column of JSON text that all paths start in; None where paths start at columns.
        earlier: columns of records that were read before; what they had and these lack holds nothing here.
    """

    schema: pl.Schema | None
    declared: Mapping[str, DeclaredField] = field(default_factory=dict)
    masked: frozenset[str] = frozenset()
    inside: str | None = None
    earlier: pl.Schema = field(default_factory=pl.Schema)

    def resolve(self, path: str) -> paths.Resolved:
        """The value at a path.

        Raises:
            ConfigurationError: there is no such field, or it is declared as something that has no members.
        """
        told = self.declared.get(paths.top_of(path, self.schema))
        try:
            found = paths.resolve(path if self.inside in {None, path} else f"{self.inside}.{path}", self.schema)
        except ConfigurationError:
            if not (told is not None and told.type == "json") and not paths.is_in(path, self.earlier):
                raise
            return paths.NOTHING
        if found.misfit is not None and told is not None and told.type != "json":
            raise ConfigurationError(f"there is no field {path}: {told.name} is a {told.type}", reason="UnknownField")
        return found

    def elements_of(self, path: str | None) -> pl.Schema:
        """The fields of the elements of a list, as records that were read before had them."""
        if path is None or not paths.is_in(path, self.earlier):
            return pl.Schema()
        dtype = paths.resolve(path, self.earlier).dtype
        inner = dtype.inner if isinstance(dtype, pl.List) else None
        return pl.Schema({one.name: one.dtype for one in inner.fields}) if isinstance(inner, pl.Struct) else pl.Schema()

    def misfit(self, path: str, misfit: pl.Expr) -> Detail:
        """What is told where JSON text has not the shape that a path asks for."""
        top = self.inside or paths.top_of(path, self.schema)
        return Detail(
            misfit,
            "NotConvertible",
            self.label(top, is_hidden=self.inside is not None and bool(self.masked)).says(f"does not hold {path}"),
        )

    def is_masked(self, path: str) -> bool:
        """Whether the value at a path must not be shown."""
        return paths.top_of(path, self.schema) in self.masked or self.inside in self.masked

    def label(self, path: str, *, is_hidden: bool = False) -> Label:
        """How the value at a path is named in messages."""
        found = self.resolve(path)
        if is_hidden or self.is_masked(path):
            return Label(path)
        return Label(path, to_text(found.value, found.dtype).value)

    def form(self, path: str) -> Form:
        """How text stands for the value at a path, as the source's object declares it."""
        told = self.declared.get(path)
        return Form() if told is None else Form(told.format, told.locale)

    def read(self, path: str, steps: Steps) -> Value:
        """The field in an expression: text takes its declared type first."""
        found = self.resolve(path)
        value, dtype = found.value, found.dtype
        if found.misfit is not None:
            bad = steps.column(found.misfit, 0)
            steps.details.append(self.misfit(path, bad))
            return Value(steps.column(value, 0), TEXT, bad, 1)
        told = self.declared.get(path)
        if isinstance(dtype, pl.String) and told is not None:
            return self._declared(path, value, told, steps)
        return read_typed(path, value, dtype, steps, self.label(path))

    def _declared(self, path: str, value: pl.Expr, told: DeclaredField, steps: Steps) -> Value:
        kind, form = parse_kind(told.type), self.form(path)
        if kind.name in {"string", "json"}:
            return Value(value, TEXT)
        if kind.name == "float":
            kind, form = _FLOAT, Form(told.format, told.locale, round="halfEven")
        given = target_type(kind, pl.String(), form)
        has_zone = isinstance(given, pl.Datetime) and given.time_zone is not None
        done = convert(value, pl.String(), kind, form)
        return read_converted(done, sql_type(kind, has_zone=has_zone), steps, self.label(path))


@dataclass(frozen=True, slots=True)
class TargetScope:
    """The fields of the target, for `check` and an audience's `where`.

    Attributes:
        fields: column and type of each, by path.
        masked: paths whose values must not be shown.
    """

    fields: Mapping[str, tuple[str, pl.DataType]]
    masked: frozenset[str] = frozenset()

    def label(self, path: str, *, is_hidden: bool = False) -> Label:
        """How the value at a path is named in messages."""
        value, dtype = self._find(path)
        return Label(path) if is_hidden or path in self.masked else Label(path, to_text(value, dtype).value)

    def read(self, path: str, steps: Steps) -> Value:
        """The field in an expression."""
        value, dtype = self._find(path)
        return read_typed(path, value, dtype, steps, self.label(path))

    def _find(self, path: str) -> tuple[pl.Expr, pl.DataType]:
        if path not in self.fields:
            near = paths.nearest(path, self.fields)
            raise ConfigurationError(f"there is no target field {path}{near}", reason="UnknownField")
        column, dtype = self.fields[path]
        return pl.col(column), dtype


def read_typed(path: str, value: pl.Expr, dtype: pl.DataType, steps: Steps, label: Label) -> Value:
    """A typed column in an expression.

    Raises:
        ConfigurationError: SQL has no such type (lists, nested data, bytes).
    """
    if dtype.is_float() or isinstance(dtype, pl.UInt64 | pl.Int128):
        kind, form = (_FLOAT, Form(round="halfEven")) if dtype.is_float() else (Kind("decimal", 38, 0), Form())
        return read_converted(convert(value, dtype, kind, form), sql_type(kind), steps, label)
    if dtype.is_integer():
        return Value(value.cast(pl.Decimal(38, 0)), SqlType("number", 19, 0))
    if isinstance(dtype, pl.Decimal):
        whole = (dtype.precision or 38) - dtype.scale
        return Value(value.cast(pl.Decimal(38, dtype.scale)), SqlType("number", whole, dtype.scale))
    if isinstance(dtype, pl.Datetime):
        moment = value.dt.cast_time_unit("us")
        has_zone = dtype.time_zone is not None
        return Value(moment.dt.convert_time_zone("UTC") if has_zone else moment, SqlType("datetime", has_zone=has_zone))
    plain: dict[type[pl.DataType], SqlType] = {
        pl.String: TEXT,
        pl.Boolean: BOOLEAN,
        pl.Date: SqlType("date"),
        pl.Null: NOTHING,
    }
    if type(dtype) not in plain:
        raise ConfigurationError(f"{path} is {dtype}, which SQL cannot read; name a field inside it")
    return Value(value, plain[type(dtype)])


def read_converted(done: Conversion, type_: SqlType, steps: Steps, label: Label) -> Value:
    """A converted column in an expression."""
    troubles = tuple(Detail(one.when, one.reason, label.says(one.says)) for one in done.troubles)
    return steps.converted(done, type_, 0, troubles)


def teller(sql: str, labels: Mapping[str, Label]) -> Tell:
    """Makes messages such as `PREZZO / SCONTO divides by zero (PREZZO "12.5", SCONTO "0")`."""

    def tell(words: str) -> pl.Expr:
        told = [_seen(label) for label in labels.values() if label.value is not None]
        values = pl.concat_str([pl.lit(" ("), *_with_commas(told), pl.lit(")")]) if told else pl.lit("")
        return pl.concat_str([pl.lit(f"{show(sql)} {words}"), values])

    return tell


def _seen(label: Label) -> pl.Expr:
    return label.quoted().fill_null(f"{label.name} is empty")


def _with_commas(told: list[pl.Expr]) -> list[pl.Expr]:
    return [part for one in told for part in (pl.lit(", "), one)][1:]
