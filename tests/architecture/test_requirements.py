"""What is installed is what was pinned, and what was pinned is what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]+\])?==(?P<version>[^ ;\\]+)")
OWN_NAME = "ponte-sync"
CONNECTORS = ("excel", "firebird", "mysql", "odbc", "postgresql", "rest")


def pins(path: Path) -> dict[str, str]:
    """Pinned versions by canonical name."""
    found = (PINNED.match(line) for line in path.read_text().splitlines())
    return {canonicalize_name(match["name"]): match["version"] for match in found if match}


def wanted(repository: Path, extras: tuple[str, ...], groups: tuple[str, ...]) -> list[Requirement]:
    """What pyproject.toml asks for: with extras also the dependencies that are always needed."""
    settings = tomllib.loads((repository / "pyproject.toml").read_text())
    lines = list(settings["project"]["dependencies"]) if extras else []
    lines += [line for extra in extras for line in settings["project"]["optional-dependencies"][extra]]
    lines += [line for group in groups for line in settings["dependency-groups"][group]]
    return [found for found in map(Requirement, lines) if found.name != OWN_NAME]


def test_the_extra_all_names_each_connector(repository: Path) -> None:
    extras = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    assert set(extras) == {"all", "testing", *CONNECTORS}
    assert [Requirement(line).extras for line in extras["all"]] == [set(CONNECTORS)]


@pytest.mark.parametrize(
    ("file", "extras", "groups"),
    [
        ("run.txt", CONNECTORS, ()),
        ("dev.txt", (*CONNECTORS, "testing"), ("dev", "bootstrap")),
        ("bootstrap.txt", (), ("bootstrap",)),
    ],
)
def test_what_pyproject_asks_for_is_pinned(
    file: str, extras: tuple[str, ...], groups: tuple[str, ...], repository: Path
) -> None:
    pinned = pins(repository / "requirements" / file)

    unpinned = [
        str(requirement)
        for requirement in wanted(repository, extras, groups)
        if not requirement.specifier.contains(pinned.get(canonicalize_name(requirement.name), "0"), prereleases=True)
        or canonicalize_name(requirement.name) not in pinned
    ]

    assert unpinned == [], "run `make requirements`"


@pytest.mark.parametrize("file", ["run.txt", "dev.txt", "bootstrap.txt"])
def test_each_pin_has_a_hash_and_names_no_host(file: str, repository: Path) -> None:
    text = (repository / "requirements" / file).read_text()
    entries = re.split(r"\n(?=[A-Za-z0-9])", text.partition("\n#    make requirements\n")[2])

    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert len(entries) == len(pins(repository / "requirements" / file))
    assert re.findall(r"https?://|--index|--find-links|file:", text) == []


def test_what_runs_is_pinned_the_same_for_use_and_for_work(repository: Path) -> None:
    run, dev = pins(repository / "requirements/run.txt"), pins(repository / "requirements/dev.txt")

    assert {name: version for name, version in run.items() if dev.get(name) != version} == {}
