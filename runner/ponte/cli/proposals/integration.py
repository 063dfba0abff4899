"""Two systems to a whole integration: looks at both ends, proposes a Mapping, gives the texts of the files."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ponte.cli.proposals.addresses import Address
from ponte.cli.proposals.looking import look_at_source, look_at_target, names_in
from ponte.cli.proposals.manifests import job_lines, mapping_lines, object_name_of, system_lines, system_of
from ponte.cli.proposals.mapping import Proposal, likely_key, propose
from ponte.connectors.discovery import FoundObject
from ponte.connectors.files.sniffing import is_workbook, sniffed
from ponte.connectors.registry import References
from ponte.errors import UsageError
from ponte.manifests.faults import suggestion
from ponte_api.sync_source import SyncSource


@dataclass(frozen=True, slots=True)
class End:
    """One end of the job, looked at.

    Attributes:
        system: the SyncSource as data.
        found: its object; without fields where it is a file that is not there yet.
    """

    system: dict[str, Any]
    found: FoundObject

    @property
    def names(self) -> tuple[str, str]:
        """System and object."""
        return self.system["metadata"]["name"], self.system["spec"]["objects"][0]["name"]

    def require(self, name: str) -> None:
        """Raises UsageError, with the nearest name, for a field that the object has not."""
        names = [field.name for field in self.found.fields]
        if name not in names:
            raise UsageError(f'{"/".join(self.names)} has no field "{name}". {suggestion(name, names)}')


def objects_at(address: Address, references: References) -> list[str]:
    """What there is to choose from at an address."""
    return asyncio.run(names_in(_model(system_of(address, address.name, _entries(address))), references))


def sheets_at(address: Address) -> list[str]:
    """The sheets to choose from; none where the address names one, or no workbook that is there."""
    file = Path(address.place, address.object_name)
    if address.kind != "files" or address.sheet or not is_workbook(file.name) or not file.is_file():
        return []
    from ponte.connectors.files.excel_guessing import sheets_of  # noqa: PLC0415 - heavy, and seldom needed

    return sheets_of(file)


def read_end(address: Address, name: str, references: References) -> End:
    """The end that is read, with samples."""
    system = _system(address, name, references)
    return End(system, asyncio.run(look_at_source(_model(system), object_name_of(address), references)))


def written_end(address: Address, name: str, references: References) -> End:
    """The end that is written; a file may still be missing."""
    system = _system(address, name, references)
    if address.kind == "files" and not Path(address.place, address.object_name).exists():
        return End(system, FoundObject(()))
    return End(system, asyncio.run(look_at_target(_model(system), object_name_of(address), references)))


def _system(address: Address, name: str, references: References) -> dict[str, Any]:
    if not address.object_name:
        known = ", ".join(objects_at(address, references)) or "nothing"
        after = "/FILE" if address.kind == "files" else "#TABLE"
        raise UsageError(
            f"{name}: the address does not say which object. Next: name it by {after} at the end. There is: {known}."
        )
    return system_of(address, name, _entries(address))


def _entries(address: Address) -> dict[str, Any]:
    if address.kind != "files":
        return {"table": address.object_name or "none"}
    if not address.object_name:
        return {"path": "none", "csv": {}}
    return {"path": address.object_name, **sniffed(Path(address.place, address.object_name), address.sheet)}


def _model(system: dict[str, Any]) -> SyncSource:
    return SyncSource.model_validate(system, by_alias=True, by_name=False)


@dataclass(frozen=True, slots=True)
class Draft:
    """An integration that is not written yet.

    Attributes:
        source_key: fields that identify a record of the source.
    """

    source: End
    target: End
    proposal: Proposal
    source_key: tuple[str, ...]

    @property
    def job(self) -> str:
        """The name of the job and its Mapping: what is written."""
        return self.target.names[1]

    @property
    def texts(self) -> dict[str, str]:
        """File names and what stands in them."""
        source_fields = self.source.found.fields
        systems = [
            "# The two systems. A connected system is a SyncSource, whichever end of a job it is at.",
            *system_lines(self.source.system, self.source_key, source_fields),
            "---",
            *system_lines(self.target.system, self.proposal.key, ()),
        ]
        job = [
            *mapping_lines(self.job, self.proposal),
            "---",
            *job_lines(self.job, self.source.names, self.target.names),
        ]
        job_file = f"{self.job}.yaml" if self.job != "systems" else "job.yaml"
        return {name: "\n".join(lines) + "\n" for name, lines in (("systems.yaml", systems), (job_file, job))}


def draft(source: End, target: End, key: tuple[str, ...], pairs: ReadOnly[str, str]) -> Draft:
    """What can be proposed for two ends.

    Args:
        source: what is read.
        target: what is written.
        key: fields that identify a record of the source; empty: the likely ones.
        pairs: target to source, as a person settled them.

    Raises:
        UsageError: a field is unknown, or no key or not one rule can be guessed.
    """
    for name in (*key, *pairs.values()):
        source.require(name)
    for name in pairs if target.found.fields else ():
        target.require(name)
    source_key = key or likely_key(source.found)
    if not source_key:
        raise UsageError(
            f"{'/'.join(source.names)}: no field has another value in each record. Next: name it by --key."
        )
    read = FoundObject(source.found.fields, (source_key,))
    proposal = propose(read, target.found, pairs)
    if not proposal.key:
        raise UsageError(_without_key(source, target))
    return Draft(source, target, proposal, source_key)


def _without_key(source: End, target: End) -> str:
    """Why there is no key at the target, and what to do."""
    name = "/".join(target.names)
    if target.found.fields and not target.found.keys:
        return (
            f"{name} has neither a primary key nor a unique constraint: a record could be written twice. "
            "Next: have one made on the field that identifies a record, such as ALTER TABLE ... ADD PRIMARY KEY (...)."
        )
    keys = " or ".join(", ".join(key) for key in target.found.keys)
    return (
        f"{name}: nothing in {'/'.join(source.names)} resembles its key ({keys}). Next: name the pair by --map "
        "FIELD=SOURCE-FIELD."
    )
