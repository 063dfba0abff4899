"""What a run is asked to do, from options that must agree with each other."""

from __future__ import annotations

from ponte.cli.commands.jobs import OverlapOption, Reading, ReadOption
from ponte.errors import UsageError
from ponte.manifests import Manifests
from ponte.runtime import RunRequest


def request_of(job: str, reading: Reading, overlap: OverlapOption = OverlapOption.REFUSE) -> RunRequest:
    """The request that the options make.

    Raises:
        UsageError: options contradict each other, or one is missing.
    """
    keys, has_bounds = tuple(reading.key or ()), reading.from_ is not None or reading.to is not None
    read = reading.read or (ReadOption.KEYS if keys else ReadOption.RANGE if has_bounds else ReadOption.ALL)
    if (read is ReadOption.KEYS) != bool(keys):
        raise UsageError("--key and --read keys go together. Next: give the keys by --key, and no other --read.")
    if (read is ReadOption.RANGE) != has_bounds:
        raise UsageError(
            "--from, --to and --read range go together. Next: give at least one bound, and no other --read."
        )
    return RunRequest(
        job=job,
        read=read.value,
        write=reading.write.value,
        keys=keys,
        lower=reading.from_,
        upper=reading.to,
        overlap=overlap.value,
    )


def require_whole_keys(request: RunRequest, manifests: Manifests) -> None:
    """Refuses a key that no record of the job's source can have: it would only be told as not there.

    Raises:
        UsageError: a key has too few or too many fields, or an empty one; with the fields of the key.
    """
    source = manifests.job(request.job).spec.source
    spec = manifests.source(source.name).spec.object(source.object)
    fields = [] if spec is None else spec.key
    for key in request.keys if fields else ():
        given = key.split("\t")
        if len(given) != len(fields) or "" in given:
            joined = "" if len(fields) == 1 else ", joined by a tab: --key $'A\\tB'"
            shown = key.replace("\t", "\\t")
            raise UsageError(
                f'--key "{shown}" is no key of {source.name}/{source.object}. Next: write '
                f"{' and '.join(fields)}{joined}."
            )
