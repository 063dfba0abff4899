"""The repository speaks of itself: nothing of the machines and places where it was written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FORBIDDEN = {
    "a package registry's host": re.compile(
        r"\b(pypi\.org|pythonhosted\.org|registry\.npmjs\.org|registry\.yarnpkg\.com|proxy\.golang\.org|sum\.golang\.org)\b"
    ),
    "somebody's home": re.compile(r"(?<![\w.])/(home/\w+|root/|Users/\w+|work/(main|shared))"),
    "who or what typed it": re.compile(r"(?i)co-authored-by|\bas an AI\b|language model|\bLLM\b"),
}
BINARY = {".png", ".gz", ".zip", ".db", ".ico", ".woff2", ".parquet"}


def readable(repository: Path, paths: list[Path]) -> dict[str, str]:
    """Text files by path; this one is left out, it has to name what it forbids."""
    return {
        str(path): (repository / path).read_text(errors="replace")
        for path in paths
        if path.suffix not in BINARY and path.name != Path(__file__).name
    }


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str, repository: Path, tracked: list[Path]) -> None:
    found = [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
        for path, text in readable(repository, tracked).items()
        for match in FORBIDDEN[what].finditer(text)
    ]

    assert found == []


def test_no_lock_file_of_uv_is_kept(tracked: list[Path]) -> None:
    assert Path("uv.lock") not in tracked
