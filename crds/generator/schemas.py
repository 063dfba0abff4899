"""Structural schemas of Kubernetes from the models: everything inline, no null unions, no defaults, rules as CEL.

There are no defaults at all: what is not given is resolved by the models, so that a default never hides in a cluster.
"""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema

from ponte_api.common import Model, written_name
from ponte_api.descriptions import descriptions

Schema = dict[str, Any]
_KEPT = ("type", "format", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "enum")
_LIST_KIND = ("x-kubernetes-list-type", "x-kubernetes-list-map-keys")


def described_schema(model: type[Model]) -> Schema:
    """The JSON Schema of a model, with what its fields mean."""
    return model.model_json_schema(by_alias=True, schema_generator=_Described)


class _Described(GenerateJsonSchema):
    """Adds to each field the text below it, which the models themselves do not read (see `ponte_api.descriptions`)."""

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        document = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        for name, text in descriptions(model).items():
            document["properties"][written_name(name, model.model_fields[name])]["description"] = text
        return document


def structural(model: type[Model]) -> Schema:
    """The structural schema of a model."""
    document = described_schema(model)
    return _Inliner(document.get("$defs", {})).inlined({**document, "x-class": model.__name__}, is_required=True)


def one_line(text: str) -> str:
    """A description without the line breaks of the source."""
    return " ".join(inspect.cleandoc(text).split())


def model_classes() -> dict[str, type[Model]]:
    """All model classes by name."""
    found: dict[str, type[Model]] = {}
    pending: list[type[Model]] = [Model]
    while pending:
        for model in pending.pop().__subclasses__():
            found[model.__name__] = model
            pending.append(model)
    return found


class _Inliner:
    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions
        self._classes = model_classes()

    def inlined(self, schema: Schema, *, is_required: bool) -> Schema:
        schema, is_nullable = self._resolved(schema)
        result: Schema = {}
        if "description" in schema:
            result["description"] = one_line(schema["description"])
        if "const" in schema:
            schema = {**schema, "enum": [schema["const"]], "type": "string"}
        result |= {key: schema[key] for key in (*_KEPT, *_LIST_KIND) if key in schema}
        if is_nullable and is_required:
            result["nullable"] = True
        if "items" in schema:
            result["items"] = self.inlined(schema["items"], is_required=False)
        if schema.get("additionalProperties") is True or not {"type", "$ref"} & schema.keys():  # any JSON value
            result["x-kubernetes-preserve-unknown-fields"] = True
        if "properties" in schema:
            result |= self._members(schema)
        return result

    def _members(self, schema: Schema) -> Schema:
        required = schema.get("required", [])
        members: Schema = {
            "properties": {
                name: self.inlined(member, is_required=name in required)
                for name, member in schema["properties"].items()
            }
        }
        if required:
            members["required"] = required
        rules = self._classes[schema["x-class"]].rules if schema.get("x-class") in self._classes else ()
        if rules:
            members["x-kubernetes-validations"] = [{"rule": rule.cel, "message": rule.message} for rule in rules]
        return members

    def _resolved(self, schema: Schema) -> tuple[Schema, bool]:
        """The schema with its reference followed and its null taken away, and whether it had one."""
        is_nullable = False
        outer = {key: schema[key] for key in ("description", *_LIST_KIND) if key in schema}
        if "anyOf" in schema:
            (schema,) = [option for option in schema["anyOf"] if option.get("type") != "null"]
            is_nullable = True
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            schema = {**self._definitions[name], "x-class": name}
        return {**schema, **outer}, is_nullable
