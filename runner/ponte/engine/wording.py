"""Numbers in sentences, so that nobody has to read of 1 records."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`1 fault`, `2 faults`, `50,000 records`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def keys_not_there(missing: int, asked: int) -> str:
    """What a run by keys notes of those that the source does not have."""
    if asked == 1:
        return "the key is not in the source"
    return f"{missing:,} of {counted(asked, 'key')} {'is' if missing == 1 else 'are'} not in the source"


def told(number: int, noun: str, one: str, many: str) -> str:
    """`1 record has`, `2 records have`: what is counted, with the verb that fits it."""
    return f"{counted(number, noun)} {one if number == 1 else many}"
