"""The rules of a Mapping for one record, in plain Python: what the vectorised mapping must agree with.

Written from the documentation alone. It shares no code with the mapping: numbers are read character by character,
dates by `datetime`, zones by `zoneinfo`.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any

decimal.getcontext().prec = 200
ASCII_DIGITS = frozenset("0123456789")
MARKS = {
    None: (".", ""),
    "it": (",", "."),
    "de": (",", "."),
    "fr": (",", " \u00a0\u202f"),
    "en": (".", ","),
    "ch": (".", "'\u2019"),
}
ROUNDING = {
    "halfUp": decimal.ROUND_HALF_UP,
    "halfEven": decimal.ROUND_HALF_EVEN,
    "halfDown": decimal.ROUND_HALF_DOWN,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
    "ceiling": decimal.ROUND_CEILING,
    "floor": decimal.ROUND_FLOOR,
}
WHITE = "".join(chr(code) for code in range(0x110000) if chr(code).isspace() and code not in range(0x1C, 0x20))


class Fault(Exception):  # noqa: N818 - DESIGN calls it a fault
    """The record has a fault."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Waiting(Exception):  # noqa: N818 - no error: the other record may come yet
    """The value is the key of a record that nobody has delivered so far."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


Known = Mapping[str, Mapping[str, str]]
"""By the kind of key (sourceKey, naturalKey): the ids that other records have at the target."""


@dataclass
class Outcome:
    """What becomes of one record: it is delivered if nothing is wrong with it and it waits for nothing.

    Attributes:
        values: by field.
        faults: the reason of each field that has one.
        waiting: the key of each field whose record is not known.
    """

    values: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)


def map_record(rules: list[dict[str, Any]], record: dict[str, str | None], known: Known) -> Outcome:
    """What the rules make of a record."""
    outcome = Outcome()
    for rule in rules:
        try:
            outcome.values[rule["to"]] = _field(rule, record[rule["from"]], known)
        except Fault as fault:
            outcome.faults[rule["to"]] = fault.reason
        except Waiting as waiting:
            outcome.waiting[rule["to"]] = waiting.key
    return outcome


def _field(rule: dict[str, Any], raw: str | None, known: Known) -> Any:
    text = _clean(rule, raw)
    if text is not None and "lookup" in rule:
        text = _identity(text, known.get(rule["lookup"].get("by", "sourceKey"), {}))
    value = None if text is None else _value(rule, text)
    if text is None and "default" in rule:
        value = convert(rule["default"], rule.get("type"), None, None, rule.get("timeZone"), rule.get("round"))
    if value is None and rule.get("required"):
        raise Fault("RequiredFieldMissing")
    if value is not None:
        value = _bounded(rule, value)
    return value


def _identity(key: str, ids: Mapping[str, str]) -> str:
    """The target's id of the record that has this key."""
    if key not in ids:
        raise Waiting(key)
    return ids[key]


def _clean(rule: dict[str, Any], text: str | None) -> str | None:
    if text is None:
        return None
    if rule.get("trim"):
        text = text.strip(WHITE)
    for one in rule.get("replace", []):
        text = re.sub(one["pattern"], one["by"], text)
    if rule.get("case"):
        text = text.upper() if rule["case"] == "upper" else text.lower()
    is_listed = any(pair["from"] == "" for pair in rule.get("values", []))
    if text == "" and ("default" in rule or rule.get("required")) and not is_listed:
        return None
    return text


def _value(rule: dict[str, Any], text: str) -> Any:
    kind, zone, rounding = rule.get("type"), rule.get("timeZone"), rule.get("round")
    if rule.get("values"):
        for pair in rule["values"]:
            if pair["from"] == text:
                return None if pair["to"] is None else convert(pair["to"], kind, None, None, zone, rounding)
        otherwise = rule.get("otherwise", {"reject": {}})
        if "reject" in otherwise:
            raise Fault("UnknownValue")
        if "null" in otherwise:
            return None
        if "value" in otherwise:
            return convert(otherwise["value"], kind, None, None, zone, rounding)
    return convert(text, kind, rule.get("format"), rule.get("locale"), zone, rounding)


def _bounded(rule: dict[str, Any], value: Any) -> Any:
    if "maxLength" in rule and len(value) > rule["maxLength"]:
        if rule.get("onTooLong") != "truncate":
            raise Fault("TooLong")
        value = value[: rule["maxLength"]]
    if "pattern" in rule and not re.fullmatch(rule["pattern"], value):
        raise Fault("PatternMismatch")
    if "min" in rule and Decimal(value) < Decimal(rule["min"]):
        raise Fault("OutOfRange")
    if "max" in rule and Decimal(value) > Decimal(rule["max"]):
        raise Fault("OutOfRange")
    return value


def convert(
    text: str, kind: str | None, form: str | None, locale: str | None, zone: str | None, rounding: str | None
) -> Any:
    """Text as a value of a type."""
    if kind is None or kind == "string":
        return text
    if kind == "integer":
        number = _exact(text, 0, form, locale, rounding)
        if not -(2**63) <= number < 2**63:
            raise Fault("OutOfRange")
        return int(number)
    if kind.startswith("decimal"):
        precision, scale = (int(part) for part in kind[8:-1].split(","))
        number = _exact(text, scale, form, locale, rounding)
        if abs(number) >= Decimal(10) ** (precision - scale):
            raise Fault("OutOfRange")
        return number
    if kind == "boolean":
        return _boolean(text, form)
    if kind == "date":
        return _date(text, form)
    return _datetime(text, form, zone)


_WIDE = Context(prec=100)


def _exact(text: str, scale: int, form: str | None, locale: str | None, rounding: str | None) -> Decimal:
    whole, fraction, is_negative = _read_number(text, form, locale)
    number = Decimal(f"{whole}.{fraction or '0'}") * (-1 if is_negative else 1)
    step = Decimal(1).scaleb(-scale)
    if rounding is not None:
        return number.quantize(step, rounding=ROUNDING[rounding], context=_WIDE)
    if fraction[scale:].strip("0"):
        raise Fault("TooManyDecimals")
    return number.quantize(step, context=_WIDE)


def _read_number(text: str, form: str | None, locale: str | None) -> tuple[str, str, bool]:
    mark, grouping = MARKS[locale]
    body, sign = text, ""
    if body[:1] in ("+", "-") and body:
        sign, body = body[0], body[1:]
    elif form == "trailingMinus" and body[-1:] in ("+", "-") and body:
        sign, body = body[-1], body[:-1]
    whole, has_mark, fraction = body.partition(mark)
    if has_mark and (not fraction or not set(fraction) <= ASCII_DIGITS):
        raise Fault("NotConvertible")
    groups = [""]
    for character in whole:
        if character in grouping and grouping:
            groups.append("")
        elif character in ASCII_DIGITS:
            groups[-1] += character
        else:
            raise Fault("NotConvertible")
    is_grouped = 1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])
    if not groups[0] or (len(groups) > 1 and not is_grouped):
        raise Fault("NotConvertible")
    return "".join(groups), fraction, sign == "-"


def _boolean(text: str, form: str | None) -> bool:
    yes, no = form.split("|") if form else ("true", "false")
    told = text if form else text.lower()
    if told not in (yes, no):
        raise Fault("NotConvertible")
    return told == yes


def _digits(text: str, sizes: list[int]) -> list[int]:
    if len(text) != sum(sizes) or not set(text) <= ASCII_DIGITS:
        raise Fault("NotConvertible")
    parts, at = [], 0
    for size in sizes:
        parts.append(int(text[at : at + size]))
        at += size
    return parts


def _date(text: str, form: str | None) -> dt.date:
    pattern = form or "yyyy-MM-dd"
    if len(text) != len(pattern):
        raise Fault("NotConvertible")
    found = {"y": "", "M": "", "d": ""}
    for letter, character in zip(pattern, text, strict=True):
        if letter in found:
            found[letter] += character
        elif letter != character:
            raise Fault("NotConvertible")
    year, month, day = _digits(found["y"] + found["M"] + found["d"], [4, 2, 2])
    try:
        return dt.date(year, month, day)
    except ValueError:
        raise Fault("NotConvertible") from None


def _datetime(text: str, form: str | None, zone: str | None) -> dt.datetime:
    if form in ("epochSeconds", "epochMillis"):
        return _epoch(text, 1000 if form == "epochMillis" else 1)
    local, rest = text[:16], text[16:]
    if len(local) != 16 or local[4] + local[7] + local[13] != "--:" or local[10] not in "T ":
        raise Fault("NotConvertible")
    year, month, day = _digits(local[:4] + local[5:7] + local[8:10], [4, 2, 2])
    hour, minute = _digits(local[11:13] + local[14:16], [2, 2])
    second = micro = 0
    if rest[:1] == ":":
        (second,) = _digits(rest[1:3], [2])
        rest = rest[3:]
        if rest[:1] == ".":
            end = next((at for at, one in enumerate(rest[1:], 1) if one not in ASCII_DIGITS), len(rest))
            fraction, rest = rest[1:end], rest[end:]
            if not fraction or fraction[6:].strip("0"):
                raise Fault("NotConvertible")
            micro = int(fraction[:6].ljust(6, "0"))
    try:
        moment = dt.datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001 - local time is the subject
        return _placed(moment, rest, zone)
    except (ValueError, OverflowError):
        raise Fault("NotConvertible") from None


def _placed(moment: dt.datetime, rest: str, zone: str | None) -> dt.datetime:
    if zone is None:
        if rest:
            raise Fault("NotConvertible")
        return moment
    if rest == "Z":
        return moment.replace(tzinfo=dt.UTC)
    if rest:
        sign, clock = rest[0], rest[1:].replace(":", "", 1) if rest[3:4] == ":" else rest[1:]
        hours, minutes = _digits(clock, [2, 2])
        if sign not in "+-" or hours > 14 or minutes > 59:
            raise Fault("NotConvertible")
        offset = dt.timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1)
        return (moment - offset).replace(tzinfo=dt.UTC)
    aware = moment.replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=0)
    there = aware.astimezone(dt.UTC)
    if there.astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=None) != moment:
        raise Fault("NotConvertible")
    return there


def _epoch(text: str, factor: int) -> dt.datetime:
    digits = text.removeprefix("-")
    if not digits or len(digits) > 18 or not set(digits) <= ASCII_DIGITS:
        raise Fault("NotConvertible")
    try:
        return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=int(text) * (1_000_000 // factor))
    except OverflowError:
        raise Fault("NotConvertible") from None
