"""What a session of MariaDB or MySQL is set to, whatever its driver."""

from __future__ import annotations

_SETTINGS = (
    # No value is cut in silence; a CHAR is read without the blanks that fill it up, as everywhere.
    "sql_mode = CONCAT_WS(',', NULLIF(REPLACE(@@sql_mode, 'PAD_CHAR_TO_FULL_LENGTH', ''), ''), 'STRICT_ALL_TABLES')",
    "time_zone = '+00:00'",
    "net_write_timeout = 3600",  # the server waits as long as it takes to deliver what was read
    "net_read_timeout = 600",
    "wait_timeout = 28800",
    "lock_wait_timeout = 60",
    "innodb_lock_wait_timeout = 50",  # shorter than what the target says one delivery may take
    "group_concat_max_len = 4294967295",  # a query's GROUP_CONCAT is cut in silence otherwise
)
SETTINGS = f"SET {', '.join(f'SESSION {setting}' for setting in _SETTINGS)}"
"""The statement for a new connection."""
SNAPSHOT = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)
"""Begins to read: the snapshot is taken at once."""
WRITE = ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION")
"""Begins to write: it sees, and locks, what stands now."""
