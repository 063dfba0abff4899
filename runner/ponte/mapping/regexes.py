"""Regular expressions of a Mapping: only what runs in linear time, so that no pattern and no value can hang a run."""

from __future__ import annotations

import re

import polars as pl

from ponte.errors import ConfigurationError

_LOOK_AROUND = re.compile(r"(?<!\\)(?:\\\\)*\((?:\?=|\?!|\?<=|\?<!)")
_BACK_REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\\(?:[1-9]|k<)|\(\?P=")
_GROUP_REFERENCE = re.compile(r"\$(?:\$|\{(?P<braced>[^}]*)\}|(?P<bare>[0-9A-Za-z_]+))")
"""What the engine takes for a group in a replacement; `$$` is a dollar, and so is one with none of these behind it."""


def check_regex(pattern: str) -> None:
    """Refuses what the linear-time engine does not know: look-around and back-references.

    Raises:
        ConfigurationError: names the pattern and what is wrong with it.
    """
    try:
        pl.Series([""]).str.contains(pattern, strict=True)
    except pl.exceptions.PolarsError as error:
        if _LOOK_AROUND.search(pattern):
            raise ConfigurationError(
                f"{pattern}: look-ahead and look-behind are refused; they can take for ever"
            ) from error
        if _BACK_REFERENCE.search(pattern):
            raise ConfigurationError(f"{pattern}: back-references are refused; they can take for ever") from error
        why = str(error).strip().splitlines()[-1].removeprefix("error: ")
        raise ConfigurationError(f"{pattern} is not a regular expression: {why}") from error


def check_replacement(pattern: str, by: str) -> None:
    """Refuses a replacement by a group that the pattern has not: the engine would put nothing in its place, unsaid.

    Raises:
        ConfigurationError: names the reference and what was probably meant.
    """
    if "$" not in by:
        return
    groups = _groups(pattern)
    for reference in _GROUP_REFERENCE.finditer(by):
        name = reference["braced"] if reference["bare"] is None else reference["bare"]
        if name is None or name in groups or (name.isdecimal() and str(int(name)) in groups):
            continue
        known = ", ".join(f"${{{group}}}" for group in sorted(groups)[:20])
        raise ConfigurationError(
            f"{by}: {pattern} has no group {name}, for which {reference[0]} stands (there are: {known}). "
            f"Write {_meant(reference['bare'], groups)}$${reference[0][1:]} for that text itself."
        )


def _groups(pattern: str) -> set[str]:
    """The numbers of a pattern's groups, with 0 for the whole match, and the names of those that have one."""
    struct = pl.Series([""], dtype=pl.String).str.extract_groups(pattern).dtype
    names = [field.name for field in struct.fields] if isinstance(struct, pl.Struct) else []
    return {str(number) for number in range(len(names) + 1)}.union(names)


def _meant(bare: str | None, groups: set[str]) -> str:
    """What to write for the longest group with which a name begins that stands without braces: $1c is ${1}c."""
    begins = [group for group in groups if bare and bare.startswith(group)]
    if not bare or not begins:
        return ""
    group = max(begins, key=len)
    return f"${{{group}}}{bare.removeprefix(group)} for the group {group} with text behind it, "
