"""Kinds of systems: a table of all, and one with what it can do and an example."""

from __future__ import annotations

from collections.abc import Sequence

from ponte.cli.render.text import escape, hanging, pad, table, told_table, width_of, wrapped
from ponte.connectors.description import Driver, Installed

_OURS = "ponte-sync"


def connector_table(found: Sequence[Installed], *, width: int | None = None) -> list[str]:
    """One kind per line; what is still to be installed stands below, whole."""
    rows = [("NAME", "STATE", "WHAT IT IS"), *(_row(connector) for connector in found)]
    missing = {
        f"{connector.name}, for {driver.name}": driver.install for connector in found for driver in _missing(connector)
    }
    return [
        *told_table(rows, width=width),
        *([""] if missing else []),
        *table([(f"To install ({what}):", command) for what, command in missing.items()]),
        "",
        "Next: ponte connectors describe NAME",
    ]


def _row(connector: Installed) -> tuple[str, str, str]:
    described = connector.description
    by = "" if connector.provider == _OURS else f" (from {escape(connector.provider)})"
    if described is None:
        return escape(connector.name), "unknown", f"says nothing of itself{by}"
    missing = len(_missing(connector))
    state = "ready" if not missing else "missing" if missing == len(described.drivers) else "partly"
    return escape(connector.name), state, escape(described.summary) + by


def _missing(connector: Installed) -> list[Driver]:
    return [one for one in connector.description.drivers if one.state == "missing"] if connector.description else []


def connector_lines(found: Installed, *, width: int | None = None) -> list[str]:
    """All of one kind."""
    described = found.description
    if described is None:
        return [f"{escape(found.name)}: its connector ({escape(found.provider)}) says nothing of itself."]
    facts = [
        ("reads", ", ".join(described.reads)),
        ("writes", ", ".join(described.operations) or "nothing"),
        *((driver.name, driver.state if driver.state == "installed" else f"missing: {driver.install}")
          for driver in described.drivers),
        ("provided by", found.provider),
        ("more", described.docs),
    ]  # fmt: skip
    return [
        *hanging(f"{found.name}: {described.summary}", width=width),
        *_fact_lines(facts, width),
        *(f"  {line}" for note in described.notes for line in wrapped(note, indent=2, width=width)),
        "",
        *(escape(line) for line in described.example.splitlines()),
    ]


def _fact_lines(facts: Sequence[tuple[str, str]], width: int | None) -> list[str]:
    names = max(width_of(escape(name)) for name, _ in facts) + 4
    told = [(name, wrapped(value, indent=names, width=width)) for name, value in facts]
    return [
        pad(f"  {escape(name)}" if not place else "", names) + part
        for name, parts in told
        for place, part in enumerate(parts)
    ]
