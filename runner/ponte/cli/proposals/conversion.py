"""How a field is converted, guessed from both types and from samples of the source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ponte.connectors.discovery import FoundField

_COMMA = re.compile(r"[-+]?(\d{1,3}(\.\d{3})+|\d+),\d+")
_COMMA_GROUPS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
_DATES = (
    (re.compile(r"\d{4}-\d\d-\d\d"), ""),
    (re.compile(r"(0[1-9]|[12]\d|3[01])/(0[1-9]|1[0-2])/\d{4}"), "dd/MM/yyyy"),
    (re.compile(r"(0[1-9]|[12]\d|3[01])\.(0[1-9]|1[0-2])\.\d{4}"), "dd.MM.yyyy"),
    (re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"), "yyyyMMdd"),
)
_WORDS = (("S", "N"), ("Y", "N"), ("J", "N"), ("T", "F"), ("SI", "NO"), ("yes", "no"), ("1", "0"))
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")


def conversions(source: FoundField, target: FoundField) -> Iterator[tuple[str, str]]:
    """What a rule says beside `to` and `from`, by names as written in YAML; the values are YAML."""
    samples = [sample for sample in source.samples if sample.strip()]
    if any(sample != sample.strip() for sample in samples):
        yield "trim", "true"
    wanted = _decimal_type(source, samples) if target.type == "decimal" else target.type
    if wanted != source.type:
        yield "type", f'"{wanted}"' if "(" in wanted else wanted
        if source.type == "string":
            yield from _from_text(wanted, [sample.strip() for sample in samples])
    if target.is_required:
        yield "required", "true"
    if target.length is not None and (source.length is None or source.length > target.length):
        yield "maxLength", str(target.length)


def _decimal_type(source: FoundField, samples: Iterable[str]) -> str:
    """Two places as money has, or as many as the source shows; its own type where it has one."""
    if _DECIMAL.fullmatch(source.type):
        return source.type
    places = (len(re.split(r"[.,]", sample.strip())[-1]) for sample in samples if re.search(r"[.,]\d+\s*$", sample))
    return f"decimal(18,{min(max((2, *places)), 9)})"


def _from_text(wanted: str, samples: list[str]) -> Iterator[tuple[str, str]]:
    if wanted.startswith("decimal") or wanted in {"integer", "float"}:
        if any(_COMMA.fullmatch(sample) for sample in samples) and "." not in "".join(
            sample.rpartition(",")[2] for sample in samples
        ):
            yield "locale", "it"
        elif any(_COMMA_GROUPS.fullmatch(sample) for sample in samples):
            yield "locale", "en"
    elif wanted == "date" and samples:
        forms = (form for pattern, form in _DATES if all(pattern.fullmatch(sample) for sample in samples))
        if form := next(forms, ""):
            yield "format", form
    elif wanted == "boolean" and samples:
        pairs = (pair for pair in _WORDS if set(samples) <= set(pair))
        if (pair := next(pairs, None)) is not None:
            yield "format", f'"{pair[0]}|{pair[1]}"'
