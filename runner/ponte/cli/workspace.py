"""What a command works on: manifests, references and ledger, as the options and the folder say."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ponte.cli.options import Common
from ponte.errors import ConfigurationError, UsageError
from ponte.manifests import Fault, Manifests, load
from ponte.manifests.files import SUFFIXES
from ponte.manifests.references import References
from ponte_api.common import GROUP

DEFAULT_FOLDER = Path("integration")
_SQLITE = "sqlite:///"
_LEDGER_FOLDER = ".ponte"
_LEDGER_FILE = "ledger.db"


def folders_of(common: Common) -> list[Path]:
    """The folders and files with manifests: those of -f, or ./integration, or . where it holds manifests.

    Raises:
        UsageError: none is given and none is there.
    """
    if common.folders:
        return common.folders
    if DEFAULT_FOLDER.is_dir():
        return [DEFAULT_FOLDER]
    if _holds_manifests(Path()):
        return [Path()]
    raise UsageError(
        "There are no manifests here: neither a folder ./integration nor any in this one.\nNext: name their folder by "
        "-f DIR, or make a first integration by ponte init."
    )


def _holds_manifests(folder: Path) -> bool:
    files = (file for file in folder.iterdir() if file.suffix in SUFFIXES and file.is_file())
    return any(f"{GROUP}/".encode() in file.read_bytes()[:65_536] for file in files)


def load_manifests(common: Common) -> Manifests:
    """All manifests, with their faults in them."""
    return load(folders_of(common))


def require_sound(manifests: Manifests, objects: Iterable[tuple[str, str]]) -> None:
    """Refuses to go on where these objects (kind, name), or a file that could not be read, have faults.

    Raises:
        ConfigurationError: with each fault on a line of its own.
    """
    wanted = {f"{kind} {name}" for kind, name in objects}
    faults = [fault for fault in manifests.faults if not fault.object or fault.object in wanted]
    if faults:
        raise ConfigurationError(
            "\n".join([*map(str, faults), "Nothing was run. Next: mend these, then ponte validate."])
        )


def objects_of_job(manifests: Manifests, job: str) -> list[tuple[str, str]]:
    """Kind and name of all that a job is made of. Raises UsageError for an unknown job."""
    spec = manifests.job(job).spec
    return [
        ("SyncJob", job),
        ("Mapping", spec.mapping),
        ("SyncSource", spec.source.name),
        ("SyncSource", spec.target.name),
    ]


def faults_elsewhere(manifests: Manifests, objects: Sequence[tuple[str, str]]) -> list[Fault]:
    """Faults of objects that these do not need."""
    wanted = {f"{kind} {name}" for kind, name in objects}
    return [fault for fault in manifests.faults if fault.object and fault.object not in wanted]


def references_of(common: Common) -> References:
    """Where secrets and settings are looked up.

    Raises:
        UsageError: the folder that was named is not there.
    """
    if common.secrets is not None and not common.secrets.is_dir():
        raise UsageError(
            f'There is no folder "{common.secrets}" (--secrets). Next: name the folder that holds '
            "NAME/KEY, a file for each secret."
        )
    return References(os.environ, common.secrets)


def ledger_url_of(common: Common) -> str:
    """The ledger's address: that of --ledger, or a file beside the folder of the manifests."""
    if common.ledger:
        return common.ledger
    first = folders_of(common)[0]
    folder = (first if first.resolve() == Path.cwd() else first.parent) / _LEDGER_FOLDER
    return f"{_SQLITE}{folder.absolute() / _LEDGER_FILE}"


def ready_ledger_url_of(common: Common) -> str:
    """The ledger's address, for a run that may make it; the folder of the default one is its owner's alone."""
    url = ledger_url_of(common)
    if not common.ledger and not (folder := Path(url.removeprefix(_SQLITE)).parent).is_dir():
        folder.mkdir(mode=0o700, parents=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    return url


def existing_ledger_url_of(common: Common) -> str:
    """The ledger's address, for commands that only make sense where there is one.

    Raises:
        UsageError: it is a file that is not there.
    """
    url = ledger_url_of(common)
    if is_missing(url):
        raise UsageError(
            f"There is no ledger at {url.removeprefix(_SQLITE)} yet. Next: ponte run JOB, or name it by --ledger."
        )
    return url


def is_missing(ledger_url: str) -> bool:
    """Whether a ledger is a file that is not there."""
    return ledger_url.startswith(_SQLITE) and not Path(ledger_url.removeprefix(_SQLITE)).is_file()
