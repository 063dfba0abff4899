"""The documentation is true: its commands run, its links lead somewhere, its lists are whole."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)|src(?:set)?=\"(?P<source>[^\"]+)\"")

Play = Callable[[str, Path], None]


def named(page: Path) -> str:
    """A page's name in reports."""
    return str(page.relative_to(ROOT))


def has_session(page: Path) -> bool:
    """Whether there is anything to run on a page."""
    return page.name != "CONTRIBUTING.md" and "```console" in page.read_text()


@pytest.mark.parametrize("page", [page for page in PAGES if has_session(page)], ids=named)
def test_the_commands_of_a_page_do_what_it_says(page: Path, tmp_path: Path, play: Play) -> None:
    if (ROOT / "examples").is_dir():
        shutil.copytree(
            ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__", ".ponte")
        )

    play(page.read_text(), tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    targets = [match["target"] or match["source"] for match in LINK.finditer(text)]
    local = [target.partition("#")[0] for target in targets if "://" not in target and not target.startswith("#")]

    assert [target for target in local if not (page.parent / target).exists()] == []


def test_the_list_of_decisions_is_whole_and_in_order() -> None:
    listed = re.findall(
        r"^- \[(\d{4})\]\((\d{4}-[a-z0-9-]+\.md)\) (.+)$", (ROOT / "docs/adr/README.md").read_text(), re.MULTILINE
    )
    files = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))

    assert [name for _, name, _ in listed] == [file.name for file in files]
    assert [f"# {number}. {title}" for number, _, title in listed] == [
        file.read_text().splitlines()[0] for file in files
    ]


def test_a_session_that_shows_what_happens_passes(tmp_path: Path, play: Play) -> None:
    page = """
```text
# file: a/b.txt
one
two   2
```
```console
$ cd a
$ cat b.txt
one
two …
$ false # exit 1
```
"""

    play(page, tmp_path)

    assert (tmp_path / "a/b.txt").read_text() == "one\ntwo   2\n"


@pytest.mark.parametrize(
    "session",
    [
        "$ false",
        "$ true # exit 1",
        "$ echo one\ntwo",
        "$ printf 'a\\nb\\n'\nb\na",
        "$ echo abc\na…d",
        "$ cd ..\n$ cat x",
    ],
)
def test_a_session_that_shows_something_else_fails(session: str, tmp_path: Path, play: Play) -> None:
    (tmp_path / "x").touch()

    with pytest.raises(AssertionError, match=r"^\$ "):
        play(f"```console\n{session}\n```\n", tmp_path)
