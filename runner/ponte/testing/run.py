"""`python -m ponte.testing.run`: the program as it is shipped, but with failpoints, for tests of recovery.

    PONTE_FAILPOINT=commit.before:3:kill python -m ponte.testing.run run products

Two more variables are read: `PONTE_TEST_LEASE_S` is the length of a lease, and with `PONTE_TEST_STRANGERS=1` nobody is
known to be gone, as if each run were on a machine of its own, so that leases must be waited out.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping

from ponte.cli.actions import run as action
from ponte.cli.main import run_program
from ponte.ledger import opening
from ponte.runtime import Runtime
from ponte.testing.failpoints import armed_by


def prepare(environment: Mapping[str, str]) -> None:
    """Makes the program's runs obey the variables of an environment, from now on and in this process only."""
    lease_s = float(environment.get("PONTE_TEST_LEASE_S", "60"))
    setattr(action, "Runtime", functools.partial(Runtime, failpoint=armed_by(environment), lease_s=lease_s))  # noqa: B010 - the program has no such switch
    if environment.get("PONTE_TEST_STRANGERS") == "1":
        setattr(opening, "process_is_gone", _is_never_gone)  # noqa: B010 - the program has no such switch


def _is_never_gone(_holder: str) -> bool:
    return False


def main() -> None:
    """Runs the program."""
    prepare(os.environ)
    sys.exit(run_program(sys.argv[1:]))


if __name__ == "__main__":
    main()
