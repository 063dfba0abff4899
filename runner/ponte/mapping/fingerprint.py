"""Hashes of a Mapping: of all that affects what it makes, and of how values are written.

By the first, a change of rules makes the next run read all; by the second, equal values that are written in another
way are delivered again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from ponte_api.mapping import Converted, ElementField, FieldRule, MappingSpec

MAPPING_VERSION = 1
"""Version of the meaning of the rules; a new one makes the next run read all."""


def mapping_fingerprint(spec: MappingSpec, audience: str | None) -> str:
    """Hash of the rules for one audience: tests and the order of object members do not count, the order of rules does.

    Returns:
        32 hexadecimal digits.
    """
    told = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"tests", "audiences"})
    chosen = [one for one in spec.audiences if one.name == audience]
    told["audience"] = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in chosen]
    return _digest([MAPPING_VERSION, told])


def form_fingerprint(rules: Iterable[FieldRule]) -> str:
    """Hash of what the rules say of values beside their text: where they go, their type, whether no value is sent.

    A target may see what the text does not show: 5 is a number or a text, a time has a zone or none, a field of no
    value is emptied or left alone.

    Returns:
        32 hexadecimal digits.
    """
    return _digest(_forms(rules))


def _forms(rules: Iterable[FieldRule | ElementField]) -> list[Any]:
    return sorted((_form(rule) for rule in rules), key=lambda form: str(form[0]))


def _form(rule: Converted) -> list[Any]:
    elements = getattr(rule, "each", None)
    return [
        rule.to,
        rule.type,
        rule.on_null == "omit",
        rule.time_zone is not None,
        None if elements is None else _forms(elements),
    ]


def _digest(told: object) -> str:
    text = json.dumps(told, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
