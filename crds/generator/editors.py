"""JSON Schemas for editors: completion, descriptions and faults while a manifest is being written."""

from __future__ import annotations

import json
from typing import Any

from generator.kinds import KINDS, Kind
from generator.schemas import described_schema, one_line

_LEFT_OUT = {"title", "default"}


def editor_json(kind: Kind) -> str:
    """The JSON Schema of one kind."""
    return _written({"$schema": "https://json-schema.org/draft/2020-12/schema", **_cleaned(_document(kind))})


def all_kinds_json() -> str:
    """A JSON Schema for files that hold any of the kinds."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "description": "Any object of Ponte.",
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": [kind.name for kind in KINDS]}},
        "allOf": [
            {"if": {"properties": {"kind": {"const": kind.name}}}, "then": {"$ref": f"{kind.name.lower()}.json"}}
            for kind in KINDS
        ],
    }
    return _written(document)


def _document(kind: Kind) -> dict[str, Any]:
    document = described_schema(kind.model)
    document["properties"].pop("status", None)
    return document


def _cleaned(schema: Any, *, is_names: bool = False) -> Any:
    """Without titles, defaults and marks for Kubernetes; `is_names` where keys are names of fields."""
    if isinstance(schema, list):
        return [_cleaned(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: one_line(value) if key == "description" and not is_names else value
        for key, value in schema.items()
        if is_names or not (key in _LEFT_OUT or key.startswith("x-"))
    }
    return {
        key: _cleaned(value, is_names=key in {"properties", "$defs"} and not is_names) for key, value in kept.items()
    }


def _written(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
