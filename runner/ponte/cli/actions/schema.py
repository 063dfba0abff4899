"""`ponte schema`: which fields the objects of a system have, shown or written into the manifest."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from ponte.cli.console import console_of
from ponte.cli.locking import lock_fields
from ponte.cli.options import Common
from ponte.cli.proposals.looking import look_at_source, look_at_target
from ponte.cli.proposals.manifests import mapping_lines
from ponte.cli.proposals.mapping import propose
from ponte.cli.render.text import counted, escape, table
from ponte.cli.workspace import load_manifests, references_of, require_sound
from ponte.connectors.registry import connect
from ponte.engine.ports import SchemaField
from ponte.errors import UsageError
from ponte.manifests import Manifests
from ponte.manifests.faults import suggestion
from ponte.runtime.clock import SystemClock

Schemas = Mapping[str, list[SchemaField]]


def show_schema(system: str, object_name: str | None, common: Common) -> None:
    """Shows the fields of one or all objects, as the system has them now."""
    console, manifests = console_of(common), load_manifests(common)
    schemas = _schemas(system, object_name, manifests, common)
    if console.is_json:
        console.show_json({name: [_document(field) for field in fields] for name, fields in schemas.items()})
        return
    for name, fields in schemas.items():
        rows = [(f"  {escape(field.name)}", field.type) for field in fields]
        console.show([f"{name}  ({counted(len(fields), 'field')})", *table(rows)])


def lock_schema(system: str, object_name: str | None, common: Common) -> None:
    """Writes the fields into the manifest and says what is different now.

    Raises:
        ConfigurationError: the manifest cannot be edited safely; it is as it was.
    """
    console, manifests = console_of(common), load_manifests(common)
    schemas = _schemas(system, object_name, manifests, common)
    file = Path(manifests.documents["SyncSource", system].file)
    before = text = file.read_text(encoding="utf-8")
    for name, fields in schemas.items():
        text = lock_fields(text, system, name, fields)
    if text != before:
        _replace(file, text)
    changes = {name: _changes(manifests, system, name, fields) for name, fields in schemas.items()}
    if console.is_json:
        console.show_json({"file": str(file), "changed": text != before, "objects": changes})
    else:
        console.show([f"{name}  {', '.join(said) or 'as it was'}" for name, said in changes.items()])
        console.show([f"{file}: {'written' if text != before else 'nothing to write'}."])


def propose_mapping(system: str, object_name: str | None, target: tuple[str, str], common: Common) -> None:
    """Shows a Mapping that could be meant, on standard output, to be written into a file and mended.

    Raises:
        UsageError: an object is not named, or not there.
    """
    console, manifests, references = console_of(common), load_manifests(common), references_of(common)
    if object_name is None:
        raise UsageError(f"Which object of {system}? Next: ponte schema {system} OBJECT --mapping SYSTEM OBJECT")
    for name, of in ((system, object_name), target):
        _require_object(manifests, name, of)
    found = asyncio.run(look_at_source(manifests.source(system), object_name, references))
    written = asyncio.run(look_at_target(manifests.source(target[0]), target[1], references))
    declared = manifests.source(target[0]).spec.object(target[1])
    keys = (tuple(declared.key), *written.keys) if declared and declared.key else written.keys
    proposal = propose(found, replace(written, keys=keys), {})
    if console.is_json:
        console.show_json(asdict(proposal))
    else:
        console.show(mapping_lines(target[1], proposal))


def _require_object(manifests: Manifests, system: str, object_name: str) -> None:
    names = [spec.name for spec in manifests.source(system).spec.objects]
    require_sound(manifests, [("SyncSource", system)])
    if object_name not in names:
        raise UsageError(f'{system}: there is no object "{object_name}". {suggestion(object_name, names)}')


def _schemas(system: str, object_name: str | None, manifests: Manifests, common: Common) -> Schemas:
    source = manifests.source(system)
    require_sound(manifests, [("SyncSource", system)])
    names = [spec.name for spec in source.spec.objects]
    if object_name is not None:
        _require_object(manifests, system, object_name)
    return asyncio.run(_read_schemas(system, [object_name] if object_name else names, manifests, common))


async def _read_schemas(system: str, names: list[str], manifests: Manifests, common: Common) -> Schemas:
    connected = connect(manifests.source(system), references_of(common), SystemClock())
    try:
        return {name: await connected.schema(name) for name in names}
    finally:
        await connected.close()


def _changes(manifests: Manifests, system: str, object_name: str, fields: list[SchemaField]) -> list[str]:
    spec = manifests.source(system).spec.object(object_name)
    locked = {field.name: field.type for field in spec.fields} if spec else {}
    found = {field.name: field.type for field in fields}
    added = [f"+{escape(name)}" for name in found if name not in locked]
    gone = [f"-{escape(name)}" for name in locked if name not in found]
    changed = [
        f"{escape(name)}: {locked[name]} -> {found[name]}"
        for name in found
        if locked.get(name, found[name]) != found[name]
    ]
    return [*added, *gone, *changed]


def _replace(file: Path, text: str) -> None:
    """Writes the file whole or not at all, with the rights that it has."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        Path(temporary).chmod(file.stat().st_mode & 0o7777)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _document(field: SchemaField) -> dict[str, str]:
    return {"name": field.name, "type": field.type}
