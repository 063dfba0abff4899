"""What tests of rules share: a Mapping of the rules under test beside a key, and its faults as rows."""

from __future__ import annotations

from typing import Any

import polars as pl

from ponte.mapping import LookupRef, Mapped, compile_mapping
from ponte_api.mapping import MappingSpec

KEY = {"to": "key", "value": "k"}
LOOKUP = LookupRef("shop", "products")


def spec_of(*fields: dict[str, Any], **more: Any) -> MappingSpec:
    """A Mapping of these fields, whose key is always "k"."""
    return MappingSpec.model_validate({"key": ["key"], "fields": [KEY, *fields], **more})


def mapped_by(rule: dict[str, Any], values: list[Any], dtype: Any = None) -> Mapped:
    """The field x by one rule from a column A of these values."""
    frame = pl.DataFrame({"A": pl.Series(values, dtype=dtype, strict=True)})
    return compile_mapping(spec_of({"to": "x", "from": "A", **rule}), frame.schema).apply(frame)


def faults_of(mapped: Mapped) -> list[tuple[Any, ...]]:
    """Row, field and reason of each fault."""
    return [tuple(row) for row in mapped.faults.select("row", "field", "reason").rows()]
