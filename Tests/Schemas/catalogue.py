"""The same catalogue of event types everywhere: in Swift, the schemas, the examples and the documents."""

import re

import asyncapi
import goldens

SWIFT = "Sources/AgentEvents/Events/EventType.swift"
_MARKED = re.compile(r"<!-- event types -->(.*?)<!-- /event types -->", re.DOTALL)


def swift_types(text):
    return re.findall(r'^\s*case \w+ = "([a-z_]+)"', text, re.MULTILINE)


def marked(text):
    """What stands between the marks of a document; `None` when they are not there."""
    match = _MARKED.search(text)
    return match and match.group(1)


def table(text):
    """The rows of a table of types: the name, and the code spans of the second cell."""
    rows = re.findall(r"^\|\s*`([a-z_]+)`\s*\|([^|]*)\|", text, re.MULTILINE)
    return {name: re.findall(r"`([a-z_]+\??)`", members) for name, members in rows}


def check(root, schemas, report):
    places = dict(_places(root, schemas, report))
    everywhere = set().union(*places.values())
    for place, names in places.items():
        report.check_none((f"{name} is missing" for name in sorted(everywhere - set(names))), place)
    # `legal` in errors follows the order of the catalogue.
    enumeration = schemas.definitions("event.schema.json").get("type", {}).get("enum")
    report.check(places[SWIFT] == enumeration, "event.schema.json, type", f"the order is not that of {SWIFT}")
    _check_readme(root, schemas, report)


def _places(root, schemas, report):
    swift = _read(root / SWIFT)
    types = swift_types(swift or "")
    report.check(bool(types), SWIFT, "no wire names found")
    yield SWIFT, types
    yield "Schemas/events", schemas.types()
    definitions = schemas.definitions("event.schema.json")
    yield "Schemas/event.schema.json, type", definitions.get("type", {}).get("enum", [])
    yield "Schemas/event.schema.json, payload", _conditions(definitions.get("payload", {}), report)
    yield "Schemas/golden/events", goldens.names(schemas.folder, "events")
    document, _ = asyncapi.load(schemas.folder)
    yield "Schemas/asyncapi.yaml", asyncapi.names(document or {}, "event")
    yield "Schemas/README.md", table(marked(_read(schemas.folder / "README.md") or "") or "")
    top = _read(root / "README.md")
    if top is not None:
        text = marked(top)
        report.check(text is not None, "README.md", "<!-- event types --> … <!-- /event types --> is missing")
        yield "README.md", _mentioned(text or "", types)


def _mentioned(text, types):
    """The types that a document names, and whatever its rows and list items begin with."""
    first = re.findall(r"^\s*(?:\||[-*]|\d+\.)\s*`([a-z_]+)`", text, re.MULTILINE)
    return set(first) | (set(re.findall(r"[a-z_]+", text)) & set(types))


def _conditions(payload, report):
    """The types with a schema of data; each must refer to its own file."""
    names = []
    for part in payload.get("allOf", []):
        name = part["if"]["properties"]["type"]["const"]
        reference = part["then"]["properties"]["data"]["$ref"]
        report.check(reference == f"events/{name}.schema.json", f"event.schema.json, {name}", f"refers to {reference}")
        names.append(name)
    return names


def _check_readme(root, schemas, report):
    rows = table(marked(_read(schemas.folder / "README.md") or "") or "")
    for name in schemas.types():
        schema = schemas.schemas[f"events/{name}.schema.json"]
        required = schema.get("required", [])
        members = [member + ("" if member in required else "?") for member in schema.get("properties", {})]
        stated = rows.get(name, [])
        report.check(stated == members, f"Schemas/README.md, {name}", f"{stated} should be {members}")


def _read(file):
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return None
