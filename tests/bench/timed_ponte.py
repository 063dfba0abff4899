"""The command `ponte` as it is installed, which afterwards also writes how long each stage took.

python timed_ponte.py STAGES ARGUMENTS...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ponte.cli.memory import settle_memory

settle_memory()

from ponte.cli.main import main, settle  # noqa: E402 - as the command does

settle()

from ponte.cli.actions import run  # noqa: E402 - loads what must find the settings of the command
from ponte.runtime import Runtime  # noqa: E402 - as above

STAGES = Path(sys.argv.pop(1))


class Told(Runtime):
    """A runtime whose stages are kept when the process ends."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # handed on as they came
        made.append(self)


made: list[Told] = []
run.Runtime = Told  # type: ignore[misc]  # the one place where the command makes its runtime
try:
    main()
finally:
    STAGES.write_text(json.dumps(made[0].stages.seconds if made else {}))
