"""What to do about what a database says of itself: the next step of a message, by reason."""

from __future__ import annotations

_STEPS = {
    "DatabaseMissing": "correct the database's name, or have it created",
    "TableMissing": "correct `table` or `query` of the object, or let this user see the table",
    "FieldMissing": "correct key, cursor or query of the object, or give the table its column back",
    "SchemaMissing": "correct the schema that stands before the table's name",
    "PermissionDenied": "have the right granted to this user, or give another login",
}
REFUSED_STATEMENT = "Next: look at `table` or `query` of the object, and at the types of the fields that are mapped"


def with_step(told: str, reason: str) -> str:
    """What is told, and the next step. All reasons of this module's table are known; another has none."""
    step = _STEPS.get(reason)
    return f"{told}. Next: {step}." if step else f"{told}. {REFUSED_STATEMENT}."
