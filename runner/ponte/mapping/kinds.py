"""The types that a field can have at the target, as the API writes them and as Polars holds them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from ponte.errors import ConfigurationError

_DECIMAL = re.compile(r"^decimal\(([0-9]{1,2}),([0-9]{1,2})\)$")
MAX_PRECISION = 38


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of the API.

    Attributes:
        name: string, integer, decimal, float, boolean, date, datetime or json.
        precision, scale: digits in all and behind the point, for decimal.
    """

    name: str
    precision: int = MAX_PRECISION
    scale: int = 0

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})" if self.name == "decimal" else self.name

    @property
    def is_number(self) -> bool:
        """Whether values are numbers."""
        return self.name in {"integer", "decimal", "float"}


def parse_kind(text: str) -> Kind:
    """Reads `decimal(12,2)` and the like.

    Raises:
        ConfigurationError: more than 38 digits, or more behind the point than in all.
    """
    if found := _DECIMAL.match(text):
        precision, scale = int(found[1]), int(found[2])
        if not 1 <= precision <= MAX_PRECISION or scale > precision:
            raise ConfigurationError(f"type {text}: a decimal has 1 to 38 digits, those behind the point among them")
        return Kind("decimal", precision, scale)
    return Kind(text)


def kind_of(dtype: pl.DataType) -> Kind:
    """The type of the API that a Polars type stands for; json for nested data."""
    if isinstance(dtype, pl.Decimal):
        return Kind("decimal", dtype.precision or MAX_PRECISION, dtype.scale)
    if dtype.is_integer():
        return Kind("integer")
    if dtype.is_float():
        return Kind("float")
    names: dict[type[pl.DataType], str] = {
        pl.Boolean: "boolean",
        pl.Date: "date",
        pl.Datetime: "datetime",
        pl.String: "string",
        pl.Null: "string",
        pl.Enum: "string",
        pl.Categorical: "string",
    }
    return Kind(names.get(type(dtype), "json"))
