"""Bodies of writes: our fields; where the target only replaces, the whole record with our fields in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ponte.connectors.json_columns import FlawError, json_text
from ponte.connectors.records import decode
from ponte.connectors.rest.body_templates import BodyTemplate
from ponte.connectors.rest.lookup import Lookup, Values
from ponte.connectors.rest.templates import ID
from ponte.connectors.rest.writing import Writing
from ponte.engine.ports import Delivery
from ponte.errors import ConfigurationError
from ponte.mapping.json_rows import Said, render_fields, render_rows


class AmbiguousError(Exception):
    """More than one record of the target has this natural key."""


class Bodies:
    """The body of each row of a delivery.

    Args:
        delivery: what is delivered.
        writing: how the object is written.
        lookup: reads the record that is to be replaced.
        template: what the body is made of, where it is not the record itself.
    """

    def __init__(
        self, delivery: Delivery, writing: Writing, lookup: Lookup, template: BodyTemplate | None = None
    ) -> None:
        said = Said(delivery.omit_null, delivery.json_fields)
        paths = template.fields if template is not None else ()
        self._fields = render_fields(delivery.frame, paths, said)
        self._texts = render_rows(delivery.frame, said).to_list() if delivery.operation != "delete" else []
        self._lookup = lookup
        self._is_merging = (
            writing.is_replacing
            and not delivery.owns_whole_record
            and (delivery.operation == "update" or (delivery.operation == "create" and writing.upserts))
        )

    def fields(self, row: int) -> dict[str, str | None]:
        """JSON texts of the fields that a template places, in a row; None for one that is left out."""
        return {path: texts[row] for path, texts in self._fields.items()}

    def own(self, rows: Sequence[int]) -> list[str | None]:
        """JSON texts of rows as they are, where no record is read for them; see `body`."""
        return [self._texts[row] for row in rows]

    @property
    def needs_reading(self) -> bool:
        """Whether the target's record is read for each body."""
        return self._is_merging

    async def body(self, row: int, values: Values, key: Values, current: dict[str, Any] | None = None) -> str | None:
        """JSON text of a row; None where JSON cannot express it (NaN, infinity).

        Args:
            row: index into the delivery.
            values: what addresses can be made of.
            key: the natural key.
            current: the record as it was just read, where it was.

        Raises:
            AmbiguousError: the record to be replaced cannot be told from another.
            ConfigurationError: it cannot be read at all.
        """
        text: str | None = self._texts[row] if self._texts else None
        if text is None or not self._is_merging:
            return text
        current = current or await self._current(values, key)
        if current is None:
            return text
        try:
            return json_text(merge(current, decode(text)))
        except FlawError:
            return None

    async def _current(self, values: Values, key: Values) -> dict[str, Any] | None:
        if self._lookup.can_get(set(values)):
            return await self._lookup.get(values)
        if self._lookup.can_find(set(key)):
            found = await self._lookup.find(key)
            if len(found) > 1:
                raise AmbiguousError
            return found[0] if found else None
        needed = "write.get or write.find" if ID in values else "write.get or write.find (the target id is not known)"
        raise ConfigurationError(
            f"write.semantics replace loses fields that are not sent, so the record is read first. Next: set {needed}, "
            "or let the SyncJob say ownsWholeRecord."
        )


def merge(current: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """The record with our fields in it; objects are merged member by member, lists replaced whole."""
    merged = dict(current)
    for name, value in ours.items():
        there = merged.get(name)
        merged[name] = merge(there, value) if isinstance(there, dict) and isinstance(value, dict) else value
    return merged
