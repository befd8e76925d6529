"""Draft schemas: what a client may leave out, made of the schemas of events, so that the two cannot drift apart.

`python Tests/Schemas/drafts.py` writes Schemas/draft.schema.json again after a schema of an event has changed.
"""

import copy
import json
import pathlib

DRAFT = "draft.schema.json"
# Required members that the service fills in when a draft has none, by the type; `error/code` is a member of `error`.
FILLED = {"duration_ms": "measured by the service when it is left out",
          "arguments": "{} when it is left out",
          "error/code": "error when it is left out",
          "error/retryable": "false when it is left out"}
SET_BY_THE_SERVICE = ["id", "seq", "from_seq", "time"]
TIME = {
    "description": "RFC 3339, with any offset and any number of fractional digits; it is logged in UTC, with milliseconds.",
    "type": "string",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
}
HEAD = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": DRAFT,
    "title": "Draft",
    "description": "An event as a client emits it: the service gives it id, seq and time, which a client must not set.",
    "$comment": "Strict where something could be lost: an unknown member is refused (event.unknown_field); the type custom "
    "is there for what has no type. Kind where nothing is: null for an optional member is its absence, 12.0 is an integer, "
    "and a missing duration_ms is measured. What is logged is always in the form of event.schema.json.",
}


def data_schema(name, event):
    """The data of a draft of a type, from the schema of the data of an event."""
    schema = _object(event, "")
    for word in ("$schema", "$id", "$comment"):
        schema.pop(word, None)
    schema["description"] = f"The data of a draft of the type {name}."
    if name == "state_updated":
        del schema["oneOf"]
        schema["properties"]["value"]["description"] = "Its new value, null too; absent, or null, when it is removed."
        schema["properties"]["removed"] = {
            "description": "true when the entry is removed.", "enum": [True, False, None]}
        schema |= {
            "if": {"properties": {"removed": {"const": True}}, "required": ["removed"]},
            "then": {"properties": {"value": {"type": "null"}}},
            "else": {"required": ["value"]},
        }
        schema["additionalProperties"] = schema.pop("additionalProperties")
    return schema


def _object(event, path):
    schema = copy.deepcopy(event)
    required = [member for member in schema.get("required", []) if path + member not in FILLED]
    for member, value in schema.get("properties", {}).items():
        schema["properties"][member] = _member(value, path + member, member in required)
    schema.pop("required", None)
    if required:
        schema["required"] = required
    if "additionalProperties" in schema:
        schema["additionalProperties"] = schema.pop("additionalProperties")
    return schema


def _member(value, path, is_required):
    value = _object(value, path + "/") if value.get("type") == "object" else copy.deepcopy(value)
    reference = value.get("$ref", "").removeprefix("../")
    if reference:
        value["$ref"] = "#/$defs/time" if reference.endswith("/time") else reference
    description = value.pop("description", None)
    if path in FILLED and description:
        description = f"{description.removesuffix('.')}; {FILLED[path]}."
    if not is_required and not reference.endswith("/json"):
        value = {"anyOf": [value, {"type": "null"}]}
    return ({"description": description} if description else {}) | value


def draft_schema(events):
    """The whole of draft.schema.json. `events`: the schemas of data by the names of the types, in their order."""
    optional = [name for name, event in events.items() if not data_schema(name, event).get("required") and "value" not in
                event["properties"]]
    properties = {
        "type": {"$ref": "event.schema.json#/$defs/type"},
        "thread_id": _or_null("Need not be there; the thread of the request if it is.", "thread_id"),
        "run_id": _or_null("The run that it belongs to.", "id"),
        "agent": _or_null("Needed with agent_started; the agent of the run wherever it is there.", "name"),
        "data": {"description": "The members of the type; {} when it is left out where none of them is needed."},
    }
    for member in SET_BY_THE_SERVICE:
        properties[member] = {"description": "Set by the service.", "type": "null"}
    rules = [
        {"if": _type_is(name), "then": {"properties": {"data": _data(name, name in optional)}}} for name in events]
    rules += [
        {"if": {"not": _type_is(*optional)}, "then": {"required": ["data"]}},
        {
            "$comment": "Which events belong to a run: all but user_message and state_updated, which belong to the thread; "
            "custom may be either.",
            "if": _type_is("user_message", "state_updated"),
            "then": {"properties": {"run_id": {"type": "null"}, "agent": {"type": "null"}}},
            "else": {"if": {"not": _type_is("custom")}, "then": _has("run_id")},
        },
        {"if": _has("agent"), "then": _has("run_id")},
        {"if": _type_is("agent_started"), "then": _has("agent")},
    ]
    return HEAD | {
        "type": "object",
        "properties": properties,
        "required": ["type"],
        "allOf": rules,
        "additionalProperties": False,
        "$defs": {"time": TIME} | {name: data_schema(name, event) for name, event in events.items()},
    }


def _or_null(description, definition):
    return {"description": description,
            "anyOf": [{"$ref": f"definitions.schema.json#/$defs/{definition}"}, {"type": "null"}]}


def _data(name, is_optional):
    reference = {"$ref": f"#/$defs/{name}"}
    return {"anyOf": [reference, {"type": "null"}]} if is_optional else reference


def _type_is(*names):
    return {"properties": {"type": {"enum": list(names)}}, "required": ["type"]}


def _has(member):
    return {"properties": {member: {"type": "string"}}, "required": [member]}


def _events(schemas):
    names = schemas.definitions("event.schema.json").get("type", {}).get("enum", [])
    return {name: schemas.schemas[f"events/{name}.schema.json"] for name in names
            if f"events/{name}.schema.json" in schemas.schemas}


def check(schemas, report):
    """The schema of drafts is the one that follows from the schemas of events."""
    stated, expected = schemas.schemas.get(DRAFT), draft_schema(_events(schemas))
    report.check(stated == expected, DRAFT, "is not what follows from the events: run Tests/Schemas/drafts.py")


def main():
    from schema_set import SchemaSet

    folder = pathlib.Path(__file__).resolve().parents[2] / "Schemas"
    text = json.dumps(draft_schema(_events(SchemaSet(folder))), indent=2, ensure_ascii=False)
    (folder / DRAFT).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
