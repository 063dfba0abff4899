"""Names from manifests for the shell's completion: a light look at lines, because a person waits for each press of tab.

Neither YAML nor models are loaded: files may be half written, and what is not understood is just not offered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import typer

_DEFAULT_FOLDER = Path("integration")
_SUFFIXES = frozenset({".yaml", ".yml"})
_MOST_BYTES = 1024 * 1024
_MOST_FILES = 500
_DOCUMENT_MARK = re.compile(r"^---.*$", re.MULTILINE)
_KIND = re.compile(r"^kind:\s*['\"]?(\w+)", re.MULTILINE)
_METADATA = re.compile(r"^metadata:(.*)((?:\n(?:[ \t#].*)?)*)", re.MULTILINE)
_IN_BRACES = re.compile(r"[{,]\s*name:\s*['\"]?([a-z0-9][-a-z0-9.]*)")
_ON_A_LINE = re.compile(r"name:\s*['\"]?([a-z0-9][-a-z0-9.]*)")


def job_names(context: typer.Context, incomplete: str) -> list[str]:
    """Names of SyncJobs that begin so."""
    return _names("SyncJob", context, incomplete)


def source_names(context: typer.Context, incomplete: str) -> list[str]:
    """Names of SyncSources that begin so."""
    return _names("SyncSource", context, incomplete)


def mapping_names(context: typer.Context, incomplete: str) -> list[str]:
    """Names of Mappings that begin so."""
    return _names("Mapping", context, incomplete)


def _names(kind: str, context: typer.Context, incomplete: str) -> list[str]:
    given = context.params.get("folders") or []
    texts = (text for file in _files([Path(path) for path in given]) for text in _documents(file))
    found = {name for text in texts if (name := _name_of(kind, text)) is not None}
    return sorted(name for name in found if name.startswith(incomplete))


def _name_of(kind: str, document: str) -> str | None:
    said, metadata = _KIND.search(document), _METADATA.search(document)
    if said is None or said[1] != kind or metadata is None:
        return None
    if "{" in metadata[1]:
        found = _IN_BRACES.search(metadata[1])
    else:
        lines = [line for line in metadata[2].splitlines() if line.strip() and not line.lstrip().startswith("#")]
        depth = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
        members = (_ON_A_LINE.match(line, depth) for line in lines if line[:depth].isspace())
        found = next((member for member in members if member), None)
    return found[1] if found else None


def _files(given: list[Path]) -> Iterator[Path]:
    """Manifests where the commands would look for them."""
    places = given or [_DEFAULT_FOLDER if _DEFAULT_FOLDER.is_dir() else Path()]
    for place in places:
        pattern = "**/*" if given or place == _DEFAULT_FOLDER else "*"
        files = [place] if place.is_file() else sorted(place.glob(pattern))
        yield from [file for file in files if file.suffix in _SUFFIXES][:_MOST_FILES]


def _documents(file: Path) -> list[str]:
    try:
        with file.open("rb") as stream:
            text = stream.read(_MOST_BYTES).decode(errors="replace")
    except OSError:
        return []
    return _DOCUMENT_MARK.split(text.replace("\r\n", "\n"))
