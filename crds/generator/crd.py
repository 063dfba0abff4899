"""CustomResourceDefinitions from the models."""

from __future__ import annotations

from typing import Any

import yaml

from generator.kinds import NAME_RULE, Column, Kind
from generator.schemas import Schema, structural
from ponte_api.common import GROUP, VERSION

HEADER = "# Generated from crds/ponte_api by crds/generate.py. Do not edit.\n"


def crd_yaml(kind: Kind) -> str:
    """The CRD of a kind, as YAML."""
    return HEADER + yaml.dump(crd(kind), sort_keys=False, allow_unicode=True, width=120, Dumper=_Dumper)


def crd(kind: Kind) -> dict[str, Any]:
    """The CRD of a kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short_name],
                "categories": ["ponte"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(column) for column in kind.columns],
                    "schema": {"openAPIV3Schema": _root(structural(kind.model))},
                }
            ],
        },
    }


def _root(schema: Schema) -> Schema:
    members = schema["properties"]
    members["apiVersion"] = {"description": "Version of this API.", "type": "string"}
    members["kind"] = {"description": "Kind of this object.", "type": "string"}
    members["metadata"] = {"type": "object"}
    return {
        "description": schema["description"],
        "type": "object",
        "required": ["spec"],
        "x-kubernetes-validations": [{"rule": NAME_RULE.cel, "message": NAME_RULE.message}],
        "properties": members,
    }


def _column(column: Column) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return {**entry, "priority": column.priority} if column.priority else entry


class _Dumper(yaml.SafeDumper):
    """Writes equal parts out instead of referring to them: kubectl reads aliases, people do not."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the name is PyYAML's
        return True
