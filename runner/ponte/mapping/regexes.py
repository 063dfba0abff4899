"""Regular expressions of a Mapping: only what runs in linear time, so that no pattern and no value can hang a run."""

from __future__ import annotations

import re

import polars as pl

from ponte.errors import ConfigurationError

_LOOK_AROUND = re.compile(r"(?<!\\)(?:\\\\)*\((?:\?=|\?!|\?<=|\?<!)")
_BACK_REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\\(?:[1-9]|k<)|\(\?P=")


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
