"""Where the rivals live: environments of their own, made once by the script `install` beside this file."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent
NAMES = ("dlt", "sling", "ingestr")


def version(name: str) -> str:
    """The version that is measured."""
    return _requirements(name, "in").splitlines()[0].rpartition("==")[2]


def environment(name: str) -> Path:
    """The folder of a rival's environment."""
    cache = Path(os.environ.get("PONTE_CACHE") or Path.home() / ".cache" / "ponte")
    return cache / "rivals" / f"{name}-{version(name)}"


def program(name: str) -> Path:
    """What is started: a binary, or the Python that dlt is installed in."""
    if name == "sling":
        return next(environment(name).glob("lib/python*/site-packages/sling_linux_amd64/bin/sling-linux-amd64"))
    return environment(name) / "bin" / ("python" if name == "dlt" else name)


def install() -> None:
    """Makes what is missing; reaches the package index only then."""
    subprocess.run([str(FOLDER / "install")], check=True)


def versions(name: str) -> str:
    """The version, and those of what was installed with it on purpose."""
    pins = dict(re.findall(r"^([\w.-]+)==([\w.]+)", _requirements(name, "txt"), re.MULTILINE))
    asked = [re.split(r"[\[=]", line)[0] for line in _requirements(name, "in").splitlines()[1:]]
    beside = ", ".join(f"{package} {pins[package]}" for package in asked)
    return f"{version(name)} (with {beside})" if beside else version(name)


def _requirements(name: str, ending: str) -> str:
    return (FOLDER / "requirements" / f"{name}.{ending}").read_text()
