"""The AsyncAPI document: its version, its references, and that it has every message of the schemas."""

import json

import yaml

NAME = "asyncapi.yaml"


def load(folder):
    """The document, or `None` with the problem."""
    try:
        document = yaml.safe_load((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        return None, str(error).replace("\n", " ")
    return (document, "") if isinstance(document, dict) else (None, "no mapping")


def names(document, side):
    """The messages of a side (`event`, `client`, `server`), by the part of the key after the dot."""
    keys = document.get("components", {}).get("messages", {})
    return {key.partition(".")[2] for key in keys if key.startswith(f"{side}.")}


def check(schemas, report):
    document, problem = load(schemas.folder)
    report.check(document is not None, NAME, problem)
    if document is None:
        return
    version = document.get("asyncapi")
    report.check(version == "3.0.0", NAME, f"the version is {version}")
    for reference in _references(document):
        report.check(_resolves(schemas, document, reference), NAME, f"the reference {reference} does not resolve")
    messages = document.get("components", {}).get("messages", {})
    channel = document.get("channels", {}).get("stream", {})
    report.check(channel.get("address") == "/v1/stream", NAME, f"the address is {channel.get('address')}")
    offered = channel.get("messages", {})
    report.check(list(offered) == list(messages), NAME, "the channel's messages are not those of the components")
    for key, message in messages.items():
        side, _, name = key.partition(".")
        report.check(message.get("name") == name, NAME, f"the name of {key} is {message.get('name')}")
        schema = json.dumps(message.get("payload", {}).get("schema"))
        own = f'"const": "{name}"' if side == "event" else f'./{side}-message.schema.json#/$defs/{name}"'
        report.check(own in schema, NAME, f"the payload of {key} is not that of {name}")
    for side in ("client", "server"):
        defined = set(schemas.definitions(f"{side}-message.schema.json"))
        present = names(document, side)
        report.check_none((f"{name} is missing" for name in sorted(defined - present)), f"{NAME}, {side}")
        report.check_none((f"{name} has no schema" for name in sorted(present - defined)), f"{NAME}, {side}")
    used = {reference.rpartition("/")[2] for reference in _references(document.get("operations", {}))}
    report.check_none((f"{key} is in no operation" for key in offered if key not in used), NAME)


def _resolves(schemas, document, reference):
    path, _, pointer = reference.partition("#")
    value = schemas.schemas.get(path.removeprefix("./")) if path else document
    for key in pointer.split("/")[1:]:
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return value is not None


def _references(value):
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "$ref" and isinstance(member, str):
                yield member
            else:
                yield from _references(member)
    elif isinstance(value, list):
        for element in value:
            yield from _references(element)
