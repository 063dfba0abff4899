"""Declared fields against what a source has now, where its shape belongs to the whole object: a table, a CSV header.

There, a declared field that is gone was renamed or dropped: were it read as empty, every record would lose its value.
"""

from __future__ import annotations

from collections.abc import Iterable

from ponte.errors import ConfigurationError
from ponte.mapping.paths import nearest
from ponte_api.sync_source import ObjectSpec


def check_declared(spec: ObjectSpec, present: Iterable[str], label: str) -> None:
    """Raises ConfigurationError (SchemaDrift) for a field that the object declares and its source does not have.

    Args:
        spec: the object.
        present: names that its source has, of fields and of parts.
        label: how messages call the source.
    """
    known = {*present, *(part.name for part in spec.parts)}
    declared = [field.name for field in spec.fields]
    gone = [name for name in declared if name not in known]
    if gone:
        others = f" (nor {', '.join(gone[1:20])})" if gone[1:] else ""
        guess = nearest(gone[0], known.difference(declared) or known) or "."
        raise ConfigurationError(
            f"{label}: object {spec.name} declares the field {gone[0]}, and its source has it no more{others}{guess} "
            "Nothing was read. Next: give the source its field back, or lock the schema anew (`ponte schema SYSTEM "
            f"{spec.name} --lock`) and adjust the Mapping.",
            reason="SchemaDrift",
        )
