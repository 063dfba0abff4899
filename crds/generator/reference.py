"""Reference pages from the models: one per kind, a table per object, with the example that the tests apply."""

from __future__ import annotations

from typing import Any

import yaml

from generator.crd import crd
from generator.kinds import KINDS, Kind
from generator.schemas import Schema
from ponte_api.conditions import CONDITION_TYPES
from ponte_api.reasons import LEDGER_REASONS, PROBLEM_REASONS, REJECT_REASONS, RUN_REASONS

_HEADER = "<!-- Generated from crds/ponte_api by crds/generate.py. Do not edit. -->\n"


def index_page() -> str:
    """The list of kinds, of conditions and of reasons."""
    kinds = "".join(
        f"| [{kind.name}]({kind.name.lower()}.md) | `{kind.short_name}` | {_cell(kind.model.__doc__ or '')} |\n"
        for kind in KINDS
    )
    conditions = "".join(f"| `{name}` | {_cell(meaning)} |\n" for name, meaning in CONDITION_TYPES.items())
    return (
        f"{_HEADER}# API reference: `ponte.dev/v1alpha1`\n\n"
        "The same files are read by `ponte` without a cluster and by the API server. What is not given is resolved by "
        "Ponte when it runs, as each field says; nothing is ever written into `spec`.\n\n"
        f"| kind | short name | what it is |\n| --- | --- | --- |\n{kinds}\n"
        f"## Conditions\n\n| type | what True means |\n| --- | --- |\n{conditions}\n"
        + "\n".join(_reasons(title, reasons) for title, reasons in _REASONS)
    )


_REASONS = (
    ("Reasons of runs", RUN_REASONS),
    ("Reasons of rejects", REJECT_REASONS),
    ("Reasons of systems and manifests", PROBLEM_REASONS),
    ("Reasons of the ledger", LEDGER_REASONS),
)


def _reasons(title: str, reasons: dict[str, str]) -> str:
    rows = "".join(f"| `{name}` | {_cell(meaning)} |\n" for name, meaning in sorted(reasons.items()))
    return f"## {title}\n\n| reason | meaning |\n| --- | --- |\n{rows}"


def kind_page(kind: Kind, example: str) -> str:
    """The page of one kind."""
    schema = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    samples = _Samples()
    for document in yaml.safe_load_all(example):
        samples.collect(schema["properties"]["spec"], document["spec"], "spec")
    body = "".join(
        _section(path, part, samples)
        for name in ("spec", "status")
        for path, part in _objects(schema["properties"][name], name)
    )
    rules = "".join(f"- {_cell(rule)}\n" for rule in dict.fromkeys(_messages(schema)))
    return (
        f"{_HEADER}# {kind.name}\n\n{schema['description']}\n\nShort name: `{kind.short_name}`.\n\n"
        f"```yaml\n{example.strip()}\n```\n\n{body}## Rules\n\n"
        f"Checked by `ponte validate` and by the API server, in these words:\n\n{rules}"
    )


class _Samples:
    """Values that the example gives to fields, by their path."""

    def __init__(self) -> None:
        self.by_path: dict[str, str] = {}

    def collect(self, schema: Schema, value: Any, path: str) -> None:
        if isinstance(value, list):
            for item in value:
                self.collect(schema.get("items", {}), item, path)
        elif isinstance(value, dict) and "properties" in schema:
            for name, member in value.items():
                self.collect(schema["properties"][name], member, f"{path}.{name}")
        elif not isinstance(value, dict):
            self.by_path.setdefault(path, yaml.safe_dump(value, width=60).removesuffix("\n...\n").strip())


def _objects(schema: Schema, path: str) -> list[tuple[str, Schema]]:
    """All objects with fields at or below a path, lists looked through."""
    schema = schema.get("items", schema)
    if "properties" not in schema:
        return []
    below = [found for name, member in schema["properties"].items() for found in _objects(member, f"{path}.{name}")]
    return [(path, schema), *below]


def _section(path: str, schema: Schema, samples: _Samples) -> str:
    required = schema.get("required", [])
    rows = "".join(
        f"| `{name}` | {_type(member)} | {'yes' if name in required else ''} | {_meaning(member)} | "
        f"{_sample(samples.by_path.get(f'{path}.{name}'))} |\n"
        for name, member in schema["properties"].items()
    )
    return (
        f"## `{path}`\n\n{schema.get('description', '')}\n\n"
        f"| field | type | required | meaning | example |\n| --- | --- | --- | --- | --- |\n{rows}\n"
    )


def _sample(text: str | None) -> str:
    return f"`{_cell(text)}`" if text and len(text) <= 80 else ""


def _type(schema: Schema) -> str:
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if "enum" in schema:
        return " \\| ".join(f"`{word}`" for word in schema["enum"])
    if "type" not in schema:
        return "any structure"
    if "properties" in schema or schema["type"] == "object":
        return "object"
    return "number" if schema["type"] == "integer" else str(schema.get("format", schema["type"]))


def _meaning(schema: Schema) -> str:
    bounds = [
        f"at most {schema['maxItems']} items" if "maxItems" in schema else "",
        f"{schema['minimum']} or more" if "minimum" in schema and "maximum" not in schema else "",
        f"{schema['minimum']} to {schema['maximum']}" if "minimum" in schema and "maximum" in schema else "",
        f"at most {schema['maxLength']} characters" if "maxLength" in schema else "",
        "may be null" if schema.get("nullable") else "",
    ]
    said = ", ".join(bound for bound in bounds if bound)
    return _cell(schema.get("description", "")) + (f" ({said})" if said else "")


def _messages(schema: Schema) -> list[str]:
    own = [rule["message"] for rule in schema.get("x-kubernetes-validations", [])]
    inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return own + [message for member in inner for message in _messages(member)]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
