"""Look-ups: values that are keys of records which another job delivered, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LookupRef:
    """Where a value is looked up.

    Attributes:
        system: SyncSource to which the other record was delivered.
        object: its object there.
        by: which key of the other record the value is.
    """

    system: str
    object: str
    by: Literal["sourceKey", "naturalKey"] = "sourceKey"
