"""The golden examples: one for each event type, op and body; valid, and canonical to the byte."""

from exact_json import NotJSON, canonical, parse

SCHEMAS = {
    "events": "event.schema.json",
    "client": "client-message.schema.json",
    "server": "server-message.schema.json",
    "http": "http.schema.json",
    "state": "thread_state.schema.json",
}
# What the name of a golden says about its content.
NAMED_BY = {"events": "type", "client": "op", "server": "op"}


def files(folder, kind):
    return sorted((folder / "golden" / kind).glob("*.json"))


def subject(file):
    """`tool_completed.minimal.json` is an example of `tool_completed`."""
    return file.name.partition(".")[0]


def names(folder, kind):
    return {subject(file) for file in files(folder, kind)}


def schema_of(kind, file):
    return SCHEMAS[kind] + (f"#/$defs/{subject(file)}" if kind == "http" else "")


def check(schemas, report):
    folder = schemas.folder
    for kind in SCHEMAS:
        for file in files(folder, kind):
            _check_file(schemas, kind, file, report)
    for kind in ("client", "server", "http"):
        defined = set(schemas.definitions(SCHEMAS[kind]))
        present = names(folder, kind)
        missing = sorted(defined - present)
        report.check_none((f"{name} has no example" for name in missing), f"golden/{kind}")
    state = folder / "golden" / "state" / "thread_state.json"
    report.check(state.exists(), "golden/state", "thread_state has no example")
    for name in schemas.types():
        _check_coverage(schemas, name, report)


def _check_file(schemas, kind, file, report):
    label = file.relative_to(schemas.folder).as_posix()
    data = file.read_bytes()
    try:
        instance, expected = parse(data), canonical(data)
    except NotJSON as error:
        report.check(False, label, f"not JSON: {error}")
        return
    reference = schema_of(kind, file)
    problems = schemas.problems(reference, instance)
    report.check_none(problems, label)
    if problems:
        return
    report.check(data == expected, label, f"not canonical; it should be {expected[:300]!r}")
    report.check_none(schemas.order_problems(reference, instance), label)
    if kind == "events":
        report.check_none(sequence_problems(instance), label)
    if kind in NAMED_BY:
        named = instance.get(NAMED_BY[kind])
        report.check(named == subject(file), label, f"an example of {named}")


def sequence_problems(event):
    """What the schema of an event cannot say about its numbers."""
    identifier, sequence, first = (event.get(name) for name in ("id", "seq", "from_seq"))
    if not isinstance(identifier, str) or identifier.rpartition("-")[2] != str(sequence):
        yield f"$.id: {identifier!r} is not of the sequence {sequence}"
    if first is not None and not (isinstance(first, int) and isinstance(sequence, int) and first < sequence):
        yield f"$.from_seq: {first} is not less than {sequence}"


def _check_coverage(schemas, name, report):
    """Every member of a type's data occurs in an example, and an optional one is also left out."""
    schema = schemas.schemas[f"events/{name}.schema.json"]
    members = schema.get("properties", {})
    seen = set()
    for file in files(schemas.folder, "events"):
        if subject(file) == name:
            try:
                seen |= set(parse(file.read_bytes()).get("data", {}))
            except (NotJSON, AttributeError, TypeError):
                continue  # reported with the file
    unseen = [member for member in members if member not in seen]
    report.check_none((f"{member} is in no example" for member in unseen), f"golden/events/{name}")
    if set(members) - set(schema.get("required", [])):
        minimal = schemas.folder / "golden" / "events" / f"{name}.minimal.json"
        report.check(minimal.exists(), f"golden/events/{name}.minimal.json", "missing")
