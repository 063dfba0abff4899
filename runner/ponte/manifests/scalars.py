"""Plain YAML scalars as kubectl reads them, so that a file means the same with and without a cluster.

kubectl uses YAML 1.1 words and octal numbers (`NO` is false, `0012` is ten) but neither sexagesimal numbers nor
timestamps (source: sigs.k8s.io/yaml, goyaml.v2, resolve.go). Fractions become Decimal: money never through float.
"""

from __future__ import annotations

import re
from decimal import Decimal

Value = str | int | bool | Decimal | None

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_INTEGERS = (
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?0[bB][01]+"), 2),
    (re.compile(r"[-+]?0[oO]?[0-7]+"), 8),
    (re.compile(r"[-+]?(0|[1-9][0-9]*)"), 10),
)
_FRACTION = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?")
_NOT_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MOST_DIGITS = 64


def resolve(text: str) -> Value:
    """The value of a plain scalar.

    Raises:
        ValueError: JSON has no such value (infinity, not a number), so kubectl refuses it.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > _MOST_DIGITS:
        return text
    if _NOT_JSON.fullmatch(text):
        raise ValueError(f"{text} is no value that Kubernetes knows: put it in quotes if text is meant")
    digits = text.replace("_", "")
    for pattern, base in _INTEGERS:
        if pattern.fullmatch(digits):
            return int(digits if base != 8 else re.sub(r"0[oO]", "0", digits, count=1), base)
    return Decimal(digits) if _FRACTION.fullmatch(digits) else text
