"""A hash of all of a Mapping that affects what it makes, so that a change of rules makes the next run read all."""

from __future__ import annotations

import hashlib
import json

from ponte_api.mapping import MappingSpec

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
    text = json.dumps([MAPPING_VERSION, told], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
