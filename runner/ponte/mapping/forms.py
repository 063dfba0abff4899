"""How text stands for a value: formats and locales, declared by the source's object or by the rule."""

from __future__ import annotations

from dataclasses import dataclass

from ponte.mapping.places import RuleError
from ponte_api.mapping import Rounding


@dataclass(frozen=True, slots=True)
class Form:
    """How text stands for a value, and how a value becomes its type.

    Attributes:
        format: trailingMinus, epochSeconds, epochMillis, yes|no, or a date pattern.
        locale: which marks numbers have.
        time_zone: zone of times that name none.
        round: how too many decimals are rounded; None rejects them.
    """

    format: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    round: Rounding | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """Marks in numbers, as regular expressions (character classes)."""

    decimal: str
    grouping: str


_COMMA_POINT = Marks(decimal=",", grouping=r"\.")
_COMMA_SPACE = Marks(decimal=",", grouping="[ \u00a0\u202f]")
_POINT_COMMA = Marks(decimal=r"\.", grouping=",")
_POINT_APOSTROPHE = Marks(decimal=r"\.", grouping="['\u2019]")
PLAIN = Marks(decimal=r"\.", grouping="")

_MARKS = {
    **dict.fromkeys(("it", "de", "es", "nl", "pt", "da", "id", "tr", "el", "ro", "hr", "sl"), _COMMA_POINT),
    **dict.fromkeys(("fr", "pl", "cs", "sk", "sv", "nb", "nn", "no", "fi", "ru", "uk", "hu", "bg"), _COMMA_SPACE),
    **dict.fromkeys(("en", "ja", "zh", "ko", "th", "he", "us", "gb"), _POINT_COMMA),
    **dict.fromkeys(("ch", "de-ch", "it-ch", "fr-ch", "li"), _POINT_APOSTROPHE),
}


def marks_of(locale: str | None) -> Marks:
    """The marks of a locale such as `it`, `it-IT` or `de_CH`.

    Raises:
        ConfigurationError: the locale is not known.
    """
    if locale is None:
        return PLAIN
    name = locale.casefold().replace("_", "-")
    found = _MARKS.get(name) or _MARKS.get(name.partition("-")[0])
    if found is None:
        raise RuleError("locale", f"locale {locale} is not known; use one of {', '.join(sorted(_MARKS))}")
    return found
