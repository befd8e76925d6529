"""What a running service sent, recorded one JSON text a line."""

import goldens
from exact_json import NotJSON, canonical, parse


def check(schemas, file, report, messages=False, exact=False):
    """Validates each line as an event; with `messages`, a line that has `op` as a server message.

    With `exact`, a line must also be the canonical bytes.
    """
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        report.check(False, str(file), str(error))
        return
    if lines[-1] == b"":
        lines.pop()
    report.check(bool(lines), str(file), "no lines")
    for number, line in enumerate(lines, 1):
        report.check_none(_problems(schemas, line, messages, exact), f"{file}:{number}")


def _problems(schemas, line, messages, exact):
    try:
        instance = parse(line)
    except NotJSON as error:
        return [f"not JSON: {error}"]
    is_message = messages and isinstance(instance, dict) and "op" in instance
    reference = "server-message.schema.json" if is_message else "event.schema.json"
    problems = schemas.problems(reference, instance)
    if not problems and not is_message:
        problems += goldens.sequence_problems(instance)
    if not problems and exact:
        problems += schemas.order_problems(reference, instance)
        if line != canonical(line):
            problems.append(f"not canonical; it should be {canonical(line)[:300]!r}")
    return problems
