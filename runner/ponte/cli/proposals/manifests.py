"""Proposals as YAML that a person reads, mends and keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ponte.cli.proposals.addresses import Address, manifest_name
from ponte.cli.proposals.mapping import Proposal, ProposedRule
from ponte.connectors.discovery import FoundField

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def scalar(text: str) -> str:
    """Text as YAML that is read back as this very text, inside of braces too."""
    is_plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if is_plain else f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    r"""A character between double quotes (YAML 1.2, 5.7): what is not to be seen is written as \U."""
    if character in {'"', "\\"}:
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def flow_list(texts: Sequence[str]) -> str:
    """`[a, b]`."""
    return f"[{', '.join(map(scalar, texts))}]"


def flow(value: Any) -> str:
    """Plain data as YAML in one line: `{value: shop}`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {flow(inner)}" for name, inner in value.items()) + "}"
    return str(value) if isinstance(value, int) else scalar(value)


def object_name_of(address: Address) -> str:
    """The name of an object: of the file without its suffix, or of the table."""
    if address.kind != "files":
        return manifest_name(address.object_name)
    return manifest_name(Path(address.object_name.removesuffix(".gz")).stem)


def system_of(address: Address, name: str, entries: dict[str, Any]) -> dict[str, Any]:
    """The SyncSource as data, to connect it before it is written."""
    spec: dict[str, Any]
    if address.kind == "files":
        spec = {"files": {"path": {"value": address.place}}}
    else:
        url = f"sqlite:///{address.place}" if address.kind == "sqlite" else address.place
        login = {
            "username": {"value": address.username},
            "password": {"secretRef": {"name": name, "key": "password"}},
        }
        spec = {"sql": {"url": {"value": url}, **(login if address.username else {})}}
    declared = {"name": object_name_of(address) if address.object_name else "none", **entries}
    document = {"apiVersion": "ponte.dev/v1alpha1", "kind": "SyncSource", "metadata": {"name": name}}
    return {**document, "spec": {**spec, "objects": [declared]}}


def system_lines(system: dict[str, Any], key: Sequence[str], fields: Sequence[FoundField]) -> list[str]:
    """A SyncSource as YAML; `fields` lock the schema."""
    spec, (item,) = system["spec"], system["spec"]["objects"]
    kind = next(name for name in spec if name != "objects")
    settings = [f"    {name}: {flow(value)}" for name, value in spec[kind].items()]
    extra = [f"    {name}: {flow(value)}" for name, value in item.items() if name != "name"]
    locked = [f"    - {{name: {scalar(f.name)}, type: {_type(f.type)}}}" for f in fields]
    return [
        "apiVersion: ponte.dev/v1alpha1",
        "kind: SyncSource",
        f"metadata: {{name: {scalar(system['metadata']['name'])}}}",
        "spec:",
        f"  {kind}:",
        *settings,
        "  objects:",
        f"  - name: {scalar(item['name'])}",
        *extra,
        *([f"    key: {flow_list(key)}"] if key else []),
        *(["    fields:", *locked] if locked else []),
    ]


def _type(written: str) -> str:
    return '"decimal(38,9)"' if written == "decimal" else scalar(written)


def mapping_lines(name: str, proposal: Proposal) -> list[str]:
    """A Mapping as YAML; what was guessed, and what is missing, is marked."""
    rules = [(_rule(rule), rule) for rule in proposal.rules]
    column = min(max((len(text) for text, _ in rules), default=0) + 2, 76)
    key = (
        f"  key: {flow_list(proposal.key)}"
        if proposal.key
        else "  key: []    # MISSING: the fields that identify a record"
    )
    return [
        "apiVersion: ponte.dev/v1alpha1",
        "kind: Mapping",
        f"metadata: {{name: {scalar(name)}}}",
        "spec:",
        key,
        "  fields:",
        *(f"{text:<{column}}# guessed" if rule.is_guessed else text for text, rule in rules),
        *(f"  # - {{to: {scalar(to)}, from: ?}}    # REQUIRED there: nothing resembles it" for to in proposal.required),
        *_left_over(proposal),
    ]  # fmt: skip


def _rule(rule: ProposedRule) -> str:
    options = "".join(f", {name}: {value}" for name, value in rule.options)
    return f"  - {{to: {scalar(rule.to)}, from: {scalar(rule.source)}{options}}}"


def _left_over(proposal: Proposal) -> Iterator[str]:
    if proposal.unmapped:
        yield f"  # at the target, not mapped: {', '.join(map(scalar, proposal.unmapped))}"
    if proposal.unused:
        yield f"  # at the source, not used: {', '.join(map(scalar, proposal.unused))}"


def job_lines(name: str, source: tuple[str, str], target: tuple[str, str]) -> list[str]:
    """A SyncJob as YAML, with a Mapping of the same name; the ends are system and object."""
    return [
        "apiVersion: ponte.dev/v1alpha1",
        "kind: SyncJob",
        f"metadata: {{name: {scalar(name)}}}",
        "spec:",
        f"  source: {{name: {scalar(source[0])}, object: {scalar(source[1])}}}",
        f"  target: {{name: {scalar(target[0])}, object: {scalar(target[1])}}}",
        f"  mapping: {scalar(name)}",
    ]
