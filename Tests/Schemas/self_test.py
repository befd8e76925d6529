"""Proves that each check can fail: breaks a copy of the files in one place, and expects the failure that names it."""

import pathlib
import shutil
import tempfile

import catalogue
import recordings
from report import Report
from schema_set import SchemaSet

GOLDENS = "Schemas/golden"
TOP = "README.md"

# A file of the copy, the text in it that is replaced, by what; and what a failure must say.
# Without a text, the file is removed.
BREAKS = [
    # Schemas
    ("Schemas/definitions.schema.json", '"type": "string"', '"type": "words"', "no valid schema"),
    ("Schemas/definitions.schema.json", '"$defs": {', '"$defs": ', "not JSON"),
    ("Schemas/http.schema.json", '"$id": "http.schema.json"', '"$id": "https.schema.json"', "$id is https"),
    ("Schemas/http.schema.json", "2020-12/schema", "2019-09/schema", "$schema is"),
    ("Schemas/events/tool_progress.schema.json", "#/$defs/fraction", "#/$defs/part", "does not resolve"),
    ("Schemas/draft.schema.json", '"event.schema.json#/$defs/type"', '"evnt.schema.json"', "does not resolve"),
    # Each schema refuses what it should
    ("Schemas/events/tool_completed.schema.json", '"failed",', '"failed", "ok",',
     "takes events/tool_completed.json with status"),
    ("Schemas/events/custom.schema.json", '"minLength": 1', '"minLength": 0', "takes events/custom.json with name"),
    ("Schemas/event.schema.json", '"additionalProperties": false', '"additionalProperties": true', "with thread as"),
    ("Schemas/draft.schema.json", '"additionalProperties": false', '"additionalProperties": true', "with extra as"),
    ("Schemas/draft.schema.json", '"minLength": 1', '"minLength": 2', "is not what follows from the events"),
    ("Schemas/client-message.schema.json", '"minItems": 1', '"minItems": 0', "with events as []"),
    ("Schemas/server-message.schema.json", '"unevaluatedProperties": false', '"unevaluatedProperties": true',
     "with reason as"),
    ("Schemas/http.schema.json", '"const": "healthy"', '"type": "string"', "with status as"),
    ("Schemas/definitions.schema.json", "{1,256}", "{0,256}", "takes ''"),
    ("Schemas/definitions.schema.json", "{1,256}", "{1,255}", "refuses 'xxx"),
    # Examples
    (f"{GOLDENS}/events/agent_failed.json", '"retryable":false', '"retryable":1', "is not of type 'boolean'"),
    (f"{GOLDENS}/events/agent_failed.json", '"type":', '"type": ', "not canonical"),
    (f"{GOLDENS}/events/agent_failed.json", '"duration_ms":5321}}', '"duration_ms":5321}}\n', "not canonical"),
    (f"{GOLDENS}/events/tool_executing.json", "ï", "\\u00ef", "not canonical"),
    (f"{GOLDENS}/events/custom.json", "\\u001f", "\\u001F", "not canonical"),
    (f"{GOLDENS}/events/agent_failed.json", '"id":"3-22","seq":22', '"seq":22,"id":"3-22"', "the order is"),
    (f"{GOLDENS}/events/agent_progress.json", '"step":1,"total":4', '"total":4,"step":1', "the order is"),
    (f"{GOLDENS}/http/error.json", '"index":0,"legal":[]', '"legal":[],"index":0', "the order is"),
    (f"{GOLDENS}/server/error.json", '"op":"error","req":1', '"req":1,"op":"error"', "the order is"),
    (f"{GOLDENS}/events/agent_failed.json", '"seq":22', '"seq":23', "is not of the sequence"),
    (f"{GOLDENS}/events/message_delta.merged.json", '"from_seq":7', '"from_seq":12', "is not less than"),
    (f"{GOLDENS}/events/agent_failed.json", '"agent":"guide"', '"agent":"guide","agent":"guide"', "occurs twice"),
    (f"{GOLDENS}/events/agent_failed.json", "5321", "NaN", "not JSON"),
    (f"{GOLDENS}/events/agent_paused.minimal.json", "agent_paused", "agent_resumed", "an example of agent_resumed"),
    (f"{GOLDENS}/events/agent_paused.json", '"by":"u_1",', "", "by is in no example"),
    (f"{GOLDENS}/events/agent_paused.minimal.json", None, None, "agent_paused.minimal.json: missing"),
    (f"{GOLDENS}/client/ack.json", None, None, "ack has no example"),
    (f"{GOLDENS}/server/drain.json", None, None, "drain has no example"),
    (f"{GOLDENS}/http/ingest.json", None, None, "ingest has no example"),
    (f"{GOLDENS}/state/thread_state.json", None, None, "thread_state has no example"),
    (f"{GOLDENS}/state/thread_state.json", '"format":1,"cursor":"3-57"', '"cursor":"3-57","format":1', "the order is"),
    # AsyncAPI
    ("Schemas/asyncapi.yaml", None, None, "asyncapi.yaml: "),
    ("Schemas/asyncapi.yaml", "operations:", "operations: [", "asyncapi.yaml: "),
    ("Schemas/asyncapi.yaml", "asyncapi: 3.0.0", "asyncapi: 2.6.0", "the version is 2.6.0"),
    ("Schemas/asyncapi.yaml", "/v1/stream\n", "/v2/stream\n", "the address is"),
    ("Schemas/asyncapi.yaml", "./server-message.schema.json#/$defs/live", "./server-message.schema.json#/$defs/alive",
     "does not resolve"),
    ("Schemas/asyncapi.yaml", "$ref: './client-message.schema.json#/$defs/ack'",
     "$ref: './client-message.schema.json#/$defs/auth'", "the payload of client.ack"),
    ("Schemas/asyncapi.yaml", "\n      name: custom\n", "\n      name: customs\n", "the name of event.custom"),
    ("Schemas/asyncapi.yaml", "\n    client.ack:\n", "\n    client.acknowledge:\n", "ack is missing"),
    # The catalogue
    (catalogue.SWIFT, '    case custom = "custom"\n', "", "EventType.swift: custom is missing"),
    (catalogue.SWIFT, '    case custom = "custom"\n',
     '    case custom = "custom"\n    case agentSlept = "agent_slept"\n', "Schemas/events: agent_slept is missing"),
    (catalogue.SWIFT, "case ", "caze ", "no wire names found"),
    ("Schemas/events/custom.schema.json", None, None, "Schemas/events: custom is missing"),
    ("Schemas/event.schema.json", '        "custom"\n', '        "costume"\n',
     "event.schema.json, type: custom is missing"),
    ("Schemas/event.schema.json", '              "const": "custom"', '              "const": "costume"',
     "event.schema.json, payload: custom is missing"),
    ("Schemas/event.schema.json", "events/custom.schema.json", "events/agent_paused.schema.json",
     "event.schema.json, custom: refers to"),
    (f"{GOLDENS}/events/input_taken.json", None, None, "Schemas/golden/events: input_taken is missing"),
    ("Schemas/asyncapi.yaml", "\n    event.custom:\n", "\n    event.costume:\n",
     "Schemas/asyncapi.yaml: custom is missing"),
    ("Schemas/README.md", "| `custom` |", "| custom |", "Schemas/README.md: custom is missing"),
    ("Schemas/README.md", "<!-- event types -->", "", "Schemas/README.md: "),
    ("Schemas/README.md", "`thought_id`, `text`", "`thought_id`", "Schemas/README.md, agent_thinking"),
    ("Schemas/README.md", "`fraction?`", "`fraction`", "Schemas/README.md, agent_progress"),
    (TOP, "`custom`", "", "README.md: custom is missing"),
    (TOP, "- `custom`", "- `custom`\n- `agent_slept`", "Schemas/events: agent_slept is missing"),
    (TOP, "<!-- /event types -->", "", "<!-- /event types --> is missing"),
]

EVENT = (
    b'{"type":"custom","id":"1-1","seq":1,"thread_id":"t","time":"2026-11-21T02:10:00.123Z",'
    b'"data":{"name":"n","value":%s}}\n'
)
LIVE = b'{"op":"live","thread_id":"t","cursor":null}\n'

# Recorded lines, whether messages are allowed among them, whether they must be canonical;
# what a failure must say, if there is to be one.
RECORDINGS = [
    (EVENT % b"1e400", False, True, None),
    (EVENT % b"-1e99999999999999999999", False, True, None),
    (EVENT % (b"9" * 5000), False, True, None),
    (EVENT % b'"\\ud83d"', False, True, None),
    (EVENT % b"1" + LIVE, True, True, None),
    (EVENT % b"1", True, True, None),
    (EVENT.replace(b'":', b'": ') % b"1", False, False, None),
    (EVENT.replace(b'1,"thread_id":"t"', b'1, "thread_id":"t"') % b"1", False, True, "not canonical"),
    (EVENT.replace(b'"id":"1-1","seq":1', b'"seq":1,"id":"1-1"') % b"1", False, True, "the order is"),
    (b"", False, False, "no lines"),
    (b"\n", False, False, ":1: not JSON"),
    (EVENT % b"1" + b"\n" + EVENT % b"2", False, False, ":2: not JSON"),
    (EVENT % b"1" + (EVENT % b"2")[:-9], False, False, ":2: not JSON"),
    (EVENT % b"NaN", False, False, "not JSON"),
    (EVENT % b"\xff", False, False, "not JSON"),
    (EVENT % (b"[" * 100000), False, False, "not JSON"),
    (EVENT.replace(b'"1-1"', b'"1-2"') % b"1", False, False, "is not of the sequence 1"),
    (EVENT.replace(b'"seq":1', b'"seq":1.0') % b"1", False, False, "is not of type 'integer'"),
    (EVENT.replace(b'"name":"n",', b"") % b"1", False, False, "'name' is a required property"),
    (LIVE, False, False, "'type' is a required property"),
    (LIVE.replace(b"cursor", b"curser"), True, False, "'cursor' is a required property"),
    (b'{"op":"lively"}\n', True, False, "is not one of"),
    (b"[]\n", True, False, "is not of type 'object'"),
]


def check(root, check_all, report):
    with tempfile.TemporaryDirectory() as folder:
        pristine = pathlib.Path(folder, "pristine")
        _copy(root, pristine)
        sound = Report(quiet=True)
        check_all(pristine, sound)
        report.check_none(sound.failures, "an unbroken copy")
        for file, text, replacement, expected in BREAKS:
            broken = pathlib.Path(folder, "broken")
            shutil.copytree(pristine, broken)
            problem = _break(broken / file, text, replacement) or _missing(_failures(check_all, broken), expected)
            report.check(not problem, f"{file} with {replacement!r} for {text!r}", problem)
            shutil.rmtree(broken)
        schemas = SchemaSet(root / "Schemas")
        for lines, messages, exact, expected in RECORDINGS:
            recording = pathlib.Path(folder, "recording")
            recording.write_bytes(lines)
            label = f"recording {lines[:160]!r}"
            result = Report(quiet=True)
            recordings.check(schemas, recording, result, messages, exact)
            if expected is None:
                report.check_none(result.failures, label)
            else:
                problem = _missing(result.failures, expected)
                report.check(not problem, label, problem)


def _copy(root, to):
    shutil.copytree(root / "Schemas", to / "Schemas")
    (to / catalogue.SWIFT).parent.mkdir(parents=True)
    swift = (root / catalogue.SWIFT).read_text(encoding="utf-8")
    (to / catalogue.SWIFT).write_text(swift, encoding="utf-8")
    # A list of our own, so that breaking it does not depend on how the README is written.
    types = "".join(f"- `{name}`\n" for name in catalogue.swift_types(swift))
    (to / TOP).write_text(f"# Top\n\n<!-- event types -->\n{types}<!-- /event types -->\n", encoding="utf-8")


def _break(file, text, replacement):
    """What is wrong with the break itself, if anything."""
    if text is None:
        file.unlink()
        return ""
    content = file.read_bytes()
    if text.encode() not in content:
        return "the text to break is not there"
    file.write_bytes(content.replace(text.encode(), replacement.encode()))
    return ""


def _failures(check_all, root):
    result = Report(quiet=True)
    check_all(root, result)
    return result.failures


def _missing(failures, expected):
    if any(expected in failure for failure in failures):
        return ""
    return f"no failure says {expected!r}, of {len(failures)}: {'; '.join(failures[:3])[:600]}"
