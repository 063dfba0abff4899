"""The failpoints of the engine, by what a job must go through to come to them."""

from __future__ import annotations

import re
from pathlib import Path

FIRST = (
    "open.before", "open.after", "claim.before", "claim.after", "deliver.before", "deliver.after", "commit.before",
    "commit.after", "close-batch.before", "close-batch.after", "watermark.before", "watermark.after", "finish.before",
    "finish.after",
)  # fmt: skip
SECOND = (
    "claim-delete.before", "claim-delete.after", "delete.before", "delete.after", "commit-delete.before",
    "commit-delete.after", "forget.before", "forget.after", "mapping.before", "mapping.after",
)  # fmt: skip
DOUBTFUL = ("admit.before", "admit.after", "settle-rest.before", "settle-rest.after")
PUTTING_AWAY = ("acknowledge.before", "acknowledge.after")  # by tests/integration/files/test_files_put_away.py
BURYING = ("bury.before", "bury.after")
STOPPING = ("threshold.before", "threshold.after", "fail.before", "fail.after")

OUT_OF_PLAY = frozenset({*DOUBTFUL, *PUTTING_AWAY, *BURYING, *STOPPING})
"""Those that no play of edits and kills comes to: tests/integration/engine/test_kills.py, and the test of files that
are put away, kill at each of them, on both ledgers."""


def named_in(folder: Path) -> set[str]:
    """The failpoints that the modules of a folder name."""
    sources = folder.glob("*.py")
    return {name for source in sources for name in re.findall(r'failpoint\("([a-z.-]+)"\)', source.read_text())}
