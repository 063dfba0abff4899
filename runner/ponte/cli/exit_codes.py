"""Exit codes of the program, in one place (DESIGN 7; BSD sysexits where they fit)."""

from __future__ import annotations

OK = 0
FAULTS_FOUND = 1
"""`test`, `verify`, `doctor`, `ledger check`: the program worked and found something wrong."""
CHANGES_FOUND = 2
"""`plan --exit-code`: there are changes."""
USAGE = 64
TOO_MANY_REJECTS = 65
INTERNAL = 70
OUTPUT = 74
"""Standard output could not be written, by a command that does nothing else than write it (EX_IOERR)."""
TRANSIENT = 75
INTERRUPTED = 76
CONFIGURATION = 78
