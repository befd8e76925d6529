"""JSON without loss: large numbers stay exact, keys do not repeat, and the canonical bytes can be written again."""

import json
from decimal import Decimal, InvalidOperation


class NotJSON(ValueError):
    """The bytes are not a JSON text."""


def parse(data):
    """Reads a JSON text for a validator. Fractions become `Decimal`, so that 1e400 is no infinity."""
    return _loads(data, _integer, _fraction)


def canonical(data):
    """The bytes that the service would write: compact, members in the same order, numbers as they are spelled."""
    text = []
    _write(_loads(data, _Literal, _Literal), text)
    return "".join(text).encode("utf-8")


class _Literal(str):
    """A number as it is spelled."""


def _loads(data, integer, fraction):
    try:
        return json.loads(
            data.decode("utf-8"),
            parse_int=integer,
            parse_float=fraction,
            parse_constant=_refuse_constant,
            object_pairs_hook=_members,
        )
    except (ValueError, RecursionError) as error:
        raise NotJSON(str(error)) from error


def _integer(literal):
    # Python refuses to read integers of thousands of digits.
    return int(literal) if len(literal) < 1000 else _fraction(literal)


def _fraction(literal):
    try:
        return Decimal(literal)
    except InvalidOperation:  # an exponent beyond even a decimal's
        return Decimal("-Infinity" if literal.startswith("-") else "Infinity")


def _refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


def _members(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {repeated!r} occurs twice")
    return members


_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _character(character):
    if character in _SHORT:
        return _SHORT[character]
    if character < " " or "\ud800" <= character <= "\udfff":
        return f"\\u{ord(character):04x}"
    return character


def _string(string):
    return '"' + "".join(map(_character, string)) + '"'


def _write(value, text):
    if isinstance(value, _Literal):
        text.append(value)
    elif isinstance(value, str):
        text.append(_string(value))
    elif isinstance(value, dict):
        text.append("{")
        for index, (key, member) in enumerate(value.items()):
            text.append(("," if index else "") + _string(key) + ":")
            _write(member, text)
        text.append("}")
    elif isinstance(value, list):
        text.append("[")
        for index, element in enumerate(value):
            if index:
                text.append(",")
            _write(element, text)
        text.append("]")
    else:
        text.append({None: "null", True: "true", False: "false"}[value])
