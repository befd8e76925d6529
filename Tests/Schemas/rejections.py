"""Values that the schemas must refuse: each schema proves here that it can fail."""

import copy
from collections import Counter

from exact_json import parse

ABSENT = object()
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

# The schema, the example in golden/, where in it the value begins that the schema describes; then what is spoilt:
# a path below that (`/` between members) and what is put there.
SPOILT = [
    ("events/agent_queued.schema.json", "events/agent_queued.json", "data", [
        ("message_ids", []), ("message_ids", ["m_1", "m_1"]), ("message_ids/0", "m 1"), ("message_ids", "m_1"),
        ("message_ids", [f"m_{number}" for number in range(257)]), ("by", ""), ("not_before", "soon"),
        ("start_by", "2026-11-21T02:15:00Z"), ("schedule_id", 7), ("attempt", 0), ("attempt", 1.5),
        ("parent_run_id", "r_1"), ("retry_of", 7)]),
    ("events/input_taken.schema.json", "events/input_taken.json", "data", [
        ("message_ids", ABSENT), ("message_ids", []), ("message_ids/1", "m_3"), ("message_ids/0", None),
        ("message_ids", [f"m_{number}" for number in range(257)]), ("messages", ["m_1"])]),
    ("events/usage_reported.schema.json", "events/usage_reported.json", "data", [
        ("input_tokens", ABSENT), ("output_tokens", ABSENT), ("input_tokens", -1), ("output_tokens", 1.5),
        ("cached_input_tokens", "800"), ("reasoning_tokens", -1), ("estimated", "yes"), ("estimated", None),
        ("model", 7)]),
    ("events/agent_started.schema.json", "events/agent_started.json", "data", [
        ("message_ids", []), ("message_ids/0", ""), ("attempt", 0), ("retry_of", ["r_1"]),
        ("parent_run_id", ""), ("parent_call_id", 7), ("parent_call", "c_1"),
        ("idle_timeout_ms", 999), ("idle_timeout_ms", 86_400_001), ("idle_timeout_ms", 1500.5),
        ("trace", "00"), ("trace/traceparent", ABSENT), ("trace/traceparent", "00-" + "0" * 32 + "-00f067aa0ba902b7-01"),
        ("trace/traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01"),
        ("trace/traceparent", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("trace/traceparent", "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("trace/tracestate", "v=" + "x" * 511), ("trace/tracestate", ""), ("trace/baggage", "user=u_1")]),
    ("events/agent_thinking.schema.json", "events/agent_thinking.json", "data", [
        ("thought_id", ABSENT), ("thought_id", "th 1"), ("text", None)]),
    ("events/agent_progress.schema.json", "events/agent_progress.json", "data", [
        ("fraction", 1.01), ("step", -1), ("total", 1.5), ("message", 1)]),
    ("events/message_delta.schema.json", "events/message_delta.json", "data", [
        ("message_id", ABSENT), ("text", ABSENT), ("role", "assistant")]),
    ("events/message_completed.schema.json", "events/message_completed.json", "data", [
        ("role", "robot"), ("role", ABSENT), ("text", ["whole"]), ("interrupted", "yes")]),
    ("events/tool_executing.schema.json", "events/tool_executing.json", "data", [
        ("arguments", ABSENT), ("tool", "a\u0007"), ("call_id", None), ("purpose", {})]),
    ("events/tool_progress.schema.json", "events/tool_progress.json", "data", [
        ("call_id", ABSENT), ("fraction", -0.1), ("fraction", "0.5")]),
    ("events/tool_completed.schema.json", "events/tool_completed.json", "data", [
        ("status", "ok"), ("error/message", ABSENT), ("error/retryable", True), ("duration_ms", -1),
        ("duration_ms", ABSENT), ("error", None)]),
    ("events/approval_requested.schema.json", "events/approval_requested.json", "data", [
        ("prompt", ABSENT), ("expires_at", "2026-11-21T02:15:00Z"), ("expires_at", 1795227300000),
        ("call_id", "c 2"), ("kind", "question"), ("kind", None), ("editable", 1), ("approvers", []),
        ("approvers", ["u_1", "u_1"]), ("approvers", [f"u_{number}" for number in range(65)]),
        ("separate_from", "u 1")]),
    ("events/approval_resolved.schema.json", "events/approval_resolved.json", "data", [
        ("decision", "yes"), ("approval_id", ABSENT), ("by", "somebody else")]),
    ("events/agent_paused.schema.json", "events/agent_paused.json", "data", [
        ("by", ""), ("reason", 3), ("handed_over", "yes"), ("until", "later")]),
    ("events/agent_resumed.schema.json", "events/agent_resumed.json", "data", [
        ("by", ["u_1"]), ("reason", None), ("after", "a while")]),
    ("events/agent_completed.schema.json", "events/agent_completed.json", "data", [
        ("usage/input_tokens", -1), ("usage/output_tokens", 9223372036854775808), ("duration_ms", "5321"),
        ("duration_ms", ABSENT), ("error", {})]),
    ("events/agent_failed.schema.json", "events/agent_failed.json", "data", [
        ("error/retryable", ABSENT), ("error/retryable", "no"), ("error", ABSENT), ("error/cause", "disk"),
        ("usage/input_tokens", -1), ("usage", 3)]),
    ("events/agent_cancelled.schema.json", "events/agent_cancelled.json", "data", [
        ("duration_ms", ABSENT), ("duration_ms", 0.5), ("by", "u 1"), ("usage/output_tokens", "2"), ("superseded_by", ""),
        ("discarded", "yes"), ("discarded", None)]),
    ("events/user_message.schema.json", "events/user_message.json", "data", [
        ("user_id", ABSENT), ("text", ABSENT), ("user", "u_1"), ("replaces", "m 0"), ("replaces", ["m_0"]),
        ("given_to", "r 1"), ("trace", []), ("trace/traceparent", "00-1-2-01")]),
    ("events/state_updated.schema.json", "events/state_updated.json", "data", [
        ("removed", True), ("value", ABSENT), ("version", 0), ("key", ABSENT)]),
    ("events/state_updated.schema.json", "events/state_updated.removed.json", "data", [
        ("removed", False), ("by", ""), ("reason", 3)]),
    ("events/custom.schema.json", "events/custom.json", "data", [
        ("name", ""), ("value", ABSENT), ("name", ABSENT), ("values", []), ("by", ""), ("by", None)]),
    ("event.schema.json", "events/agent_thinking.json", "", [
        ("type", "agent_thought"), ("type", ABSENT), ("id", "3-042"), ("id", 3), ("seq", 0), ("seq", "3"),
        ("run_id", ABSENT), ("agent", ABSENT), ("time", "2026-11-21T02:10:00.123+00:00"), ("data", []),
        ("data/text", ABSENT), ("thread", "t_7"), ("thread_id", ABSENT), ("from_seq", 0),
        ("data", {"message_id": "m_1", "text": ""})]),
    ("event.schema.json", "events/user_message.json", "", [("run_id", "r_1"), ("agent", "guide")]),
    ("event.schema.json", "events/state_updated.json", "", [("agent", "guide")]),
    ("event.schema.json", "events/custom.json", "", [("run_id", ABSENT), ("agent", ABSENT), ("data/name", "")]),
    ("event.schema.json", "events/tool_executing.json", "", [("from_seq", 13)]),
    ("draft.schema.json", "client/emit.json", "events/0", [
        ("id", "3-42"), ("seq", 42), ("time", "2026-11-21T02:10:00.123Z"), ("agent", ABSENT), ("run_id", ABSENT),
        ("data/parent_run_id", ""), ("type", "agent_begun"), ("from_seq", 1), ("thread_id", ".."),
        ("extra", 1)]),
    ("draft.schema.json", "client/emit.json", "events/1", [
        ("run_id", ABSENT), ("run_id", None), ("data", ABSENT), ("data", None), ("data/text", 1), ("data/text", None)]),
    ("draft.schema.json", "client/emit.json", "events/3", [("agent", "guide")]),
    ("draft.schema.json", "client/emit.minimal.json", "events/0", [("run_id", "r_1"), ("data/user_id", ABSENT)]),
    ("client-message.schema.json", "client/auth.json", "", [("token", ABSENT), ("token", ""), ("op", "login")]),
    ("client-message.schema.json", "client/subscribe.json", "", [
        ("thread_id", ABSENT), ("thread_id", "a b"), ("after", "end"), ("after", None), ("req", None),
        ("req", ["1"]), ("threads", []), ("op", ABSENT), ("op", "subscribed")]),
    ("client-message.schema.json", "client/unsubscribe.json", "", [("thread_id", ABSENT), ("after", "now")]),
    ("client-message.schema.json", "client/ack.json", "", [("cursor", ABSENT), ("cursor", "start")]),
    ("client-message.schema.json", "client/emit.json", "", [
        ("events", []), ("events", ABSENT), ("events/0/seq", 1), ("events/2/data/call_id", ABSENT), ("key", ""),
        ("user_id", 1)]),
    ("client-message.schema.json", "client/command.json", "", [
        ("name", ABSENT), ("key", ABSENT), ("name", ""), ("name", "halt"), ("key", ""), ("thread_id", ABSENT),
        ("run_id", ""), ("as_of", "57"), ("data", []), ("data/reason", 3), ("data/by", "u_1"), ("by", "u_1")]),
    ("client-message.schema.json", "client/command.custom.json", "", [("name", "editor undo."), ("run_id", 7)]),
    ("client-message.schema.json", "client/command.message.json", "", [
        ("data/text", ABSENT), ("data/text", ""), ("data", ABSENT), ("data/policy", "wait"), ("data/replaces", "m 1"),
        ("data/answers_approval", "yes"), ("run_id", "r_1"), ("data/trace", "00"), ("data/trace/traceparent", 1)]),
    ("client-message.schema.json", "client/command.start.json", "", [
        ("data/agent", ""), ("data/policy", 1), ("data/text", "x"), ("run_id", "r_1"), ("data/trace", "00")]),
    ("client-message.schema.json", "client/command.answer.json", "", [
        ("data/approval_id", ABSENT), ("data/decision", "yes"), ("data/by", "u_1"), ("data", None)]),
    ("client-message.schema.json", "client/command.grant.json", "", [
        ("data/grant/scope", "user"), ("data/grant/ttl_ms", 0), ("data/grant/ttl_ms", 2592000001),
        ("data/grant/by", "u_1"), ("data/grant", True)]),
    ("client-message.schema.json", "client/command.revoke.json", "", [
        ("data/tool", ABSENT), ("data/tool", ""), ("data/reason", "x"), ("data", None)]),
    ("client-message.schema.json", "client/command.set.json", "", [
        ("data/key", ABSENT), ("data/key", ""), ("data/key", "k" * 257), ("data/value", ABSENT), ("data/ttl_ms", 0),
        ("data/ttl_ms", 31622400001), ("data/ttl_ms", 1.5), ("data/if_version", -1), ("data/ttl", 5), ("data", None)]),
    ("client-message.schema.json", "client/command.remove.json", "", [
        ("data/key", ABSENT), ("data/value", 1), ("data/if_version", "4"), ("data", None)]),
    ("client-message.schema.json", "client/refresh.json", "", [("token", ABSENT)]),
    ("client-message.schema.json", "client/watch.json", "", [
        ("q", 5), ("q", "x" * 201), ("status", "busy"), ("agent", ""), ("limit", 0), ("limit", 101), ("limit", None),
        ("thread_id", "t_7"), ("before", "1-t_7")]),
    ("client-message.schema.json", "client/unwatch.json", "", [("thread_id", "t_7")]),
    ("client-message.schema.json", "client/serve.json", "", [
        ("worker_id", ABSENT), ("worker_id", "w 1"), ("agents", ABSENT), ("agents", []), ("agents/0", ""), ("capacity", -1),
        ("capacity", 10001), ("capacity", 1.5), ("restart", "later"), ("leases", "l_7"), ("leases/0", ""), ("lease", "l_7")]),
    ("client-message.schema.json", "client/take.json", "", [("lease", ABSENT), ("lease", ""), ("reason", "x")]),
    ("client-message.schema.json", "client/decline.json", "", [("lease", ABSENT), ("reason", 1), ("leases", [])]),
    ("client-message.schema.json", "client/renew.json", "", [("leases", ABSENT), ("leases", None), ("leases/0", "l 7"), ("lease", "l_7")]),
    ("client-message.schema.json", "client/emit.lease.json", "", [("lease", ""), ("lease", None), ("leases", [])]),
    ("client-message.schema.json", "client/ping.json", "", [("time", 1)]),
    ("client-message.schema.json", "client/pong.json", "", [("time", 1)]),
    ("server-message.schema.json", "server/welcome.json", "", [
        ("connection_id", ABSENT), ("heartbeat_ms", -1), ("limits/max_event_bytes", ABSENT),
        ("limits/max_event_bytes", None), ("expires_at", None), ("op", "hello")]),
    ("server-message.schema.json", "server/subscribed.json", "", [
        ("head", ABSENT), ("after", ABSENT), ("after", "start"), ("head", 57)]),
    ("server-message.schema.json", "server/unsubscribed.json", "", [("thread_id", ABSENT), ("head", None)]),
    ("server-message.schema.json", "server/live.json", "", [("cursor", ABSENT), ("cursor", "57"), ("req", 1)]),
    ("server-message.schema.json", "server/snapshot.json", "", [
        ("state", ABSENT), ("state", []), ("cursor", 1), ("state/cursor", "57"), ("state/runs", ABSENT), ("part", 1),
        ("state_json", "{}")]),
    ("server-message.schema.json", "server/snapshot.part.json", "", [
        ("part", ABSENT), ("part", 0), ("parts", ABSENT), ("parts", 1), ("state_json", ABSENT), ("state_json", ""),
        ("state", {}), ("cursor", ABSENT)]),
    ("server-message.schema.json", "server/reset.json", "", [("reason", "lost"), ("oldest", ABSENT)]),
    ("server-message.schema.json", "server/emitted.json", "", [("cursors", []), ("cursors/0", "58"), ("ids", [])]),
    ("server-message.schema.json", "server/accepted.json", "", [
        ("req", True), ("thread_id", ABSENT), ("outcome", "ok"), ("outcome", ABSENT), ("cursors", ABSENT),
        ("cursors/0", "61"), ("name", ABSENT), ("run_id", ""), ("details/status", "open"), ("details/runs", []),
        ("details/waiting_for", []), ("details/left", []), ("details/left/0/run_id", ABSENT), ("details/as_of", "3-57")]),
    ("server-message.schema.json", "server/accepted.several.json", "", [
        ("details/runs", ABSENT), ("details/run_id", "r_1"), ("details/runs/0/status", 1)]),
    ("server-message.schema.json", "server/refreshed.json", "", [("expires_at", ABSENT), ("expires_at", "")]),
    ("server-message.schema.json", "server/watching.json", "", [("thread_id", "t_7")]),
    ("server-message.schema.json", "server/threads.json", "", [
        ("threads", ABSENT), ("gone", ABSENT), ("next", ABSENT), ("gone/0", ".."), ("next", ""), ("req", 1),
        ("threads/0/status", "busy"), ("threads/0/head", ABSENT)]),
    ("server-message.schema.json", "server/unwatched.json", "", [("thread_id", "t_7"), ("code", "")]),
    ("server-message.schema.json", "server/serving.again.json", "", [
        ("lease_ms", ABSENT), ("lease_ms", 0), ("kept", None), ("kept/0", ""), ("lost", "l_7"), ("worker_id", "w_1")]),
    ("server-message.schema.json", "server/run.json", "", [
        ("lease", ABSENT), ("attempt", 0), ("thread_id", ".."), ("run_id", ABSENT), ("agent", ""), ("user_id", ABSENT),
        ("prompt", ABSENT), ("prompt/text", ABSENT), ("prompt/author", ""), ("prompt/run_id", "r_1"), ("after", ABSENT),
        ("after", "57"), ("resume", "no"), ("deadline_ms", -1), ("req", 1)]),
    ("server-message.schema.json", "server/renewed.json", "", [("lease_ms", ABSENT), ("leases", [])]),
    ("server-message.schema.json", "server/cancel.json", "", [("lease", ABSENT), ("reason", "later"), ("reason", ABSENT), ("req", 1)]),
    ("server-message.schema.json", "server/ping.json", "", [("req", 1)]),
    ("server-message.schema.json", "server/pong.json", "", [("time", 1)]),
    ("server-message.schema.json", "server/drain.json", "", [
        ("reconnect_in_ms", 30001), ("reconnect_in_ms", ABSENT), ("reconnect_in_ms", -1)]),
    ("server-message.schema.json", "server/error.order.json", "", [
        ("code", "forbidden"), ("code", "Order.Paused"), ("message", ABSENT), ("retryable", None),
        ("retry_after_ms", ABSENT), ("retry_after_ms", -1), ("index", -1), ("path", "events[2]"),
        ("legal", ["agent_began"]), ("state", {}), ("thread_id", ""), ("reason", "unknown member")]),
    ("thread_state.schema.json", "state/thread_state.json", "", [
        ("format", 2), ("cursor", ABSENT), ("cursor", "57"), ("messages", {}), ("thread_id", "t_7"),
        ("messages/0/user_id", ABSENT), ("messages/0/run_id", "r_1"), ("messages/1/agent", ABSENT),
        ("messages/1/user_id", "u_1"), ("messages/2/role", "robot"), ("messages/2/complete", "no"),
        ("messages/2/time", ABSENT), ("runs/0/status", "lost"), ("runs/0/status", ABSENT), ("runs/0/error/code", 1),
        ("runs/3/waiting", False), ("runs/3/queued_at", "soon"), ("runs/3/usage/input_tokens", -1),
        ("runs/4/deadline_at", None), ("queue", ABSENT), ("queue/0/position", 0), ("queue/0/run_id", ABSENT),
        ("queue/0/message_ids", []), ("queue/0/status", "queued"), ("approvals/0/kind", "question"),
        ("approvals/0/editable", False), ("approvals/0/approvers", []), ("approvals/0/separate_from", None), ("runs/3/progress/fraction", 2), ("runs/3/thought/cut", False), ("runs/3/thought/text", ABSENT),
        ("calls/0/tool", ""), ("calls/0/started_at", ABSENT), ("calls/0/progress/percent", 50),
        ("approvals/0/prompt", ABSENT), ("approvals/0/expires_at", None), ("entries/0/value", 1),
        ("entries/1/version", 0), ("entries/1/removed", False), ("dropped/runs", -1), ("limits/run_count", 0),
        ("limits/thought_bytes", ABSENT)]),
    ("http.schema.json#/$defs/health", "http/health.json", "", [("status", "ok"), ("status", ABSENT)]),
    ("http.schema.json#/$defs/ready", "http/ready.json", "", [
        ("status", "unready"), ("status", ABSENT), ("sinks", []), ("sinks/0/state", "broken"), ("sinks/0/name", ABSENT),
        ("sinks/0/failures", 0), ("sinks/0/code", "refused"), ("sinks/0/http_status", "404"), ("sinks/0/next_try", 5),
        ("sinks/0/set_aside", -1), ("sinks/0/error", "x")]),
    ("http.schema.json#/$defs/events", "http/events.json", "", [
        ("next", ABSENT), ("head", ABSENT), ("events/1/seq", ABSENT), ("events", None), ("total", 2)]),
    ("http.schema.json#/$defs/messages", "http/messages.json", "", [
        ("messages/0/cursor", ABSENT), ("messages/0/complete", False), ("messages/0/run_id", "r_1"), ("messages/1/interrupted", False),
        ("messages/1/agent", ABSENT), ("previous", ABSENT), ("previous", "start"), ("next", None)]),
    ("http.schema.json#/$defs/threads", "http/threads.json", "", [
        ("threads", ABSENT), ("next", ABSENT), ("next", ""), ("threads/0/status", "busy"), ("threads/0/head", "now"),
        ("threads/0/runs", -1), ("threads/0/last_outcome", "ended"), ("threads/0/thread_id", ".."), ("threads/0/title", ""),
        ("threads/0/agents/0", ""), ("threads/1/updated_at", ABSENT), ("threads/1/updated_at", 5)]),
    ("http.schema.json#/$defs/frames", "http/frames.json", "", [
        ("protocol", "ag-ui"), ("streams/0/frames/0/joins", ABSENT), ("streams/0/frames/0/text", None), ("streams/0/left_out", -1),
        ("streams/0/run_id", ABSENT), ("verdict/rules", []), ("verdict/broken", ABSENT), ("verdict/broken/frame", "0"), ("next", "end"),
        ("upto", ABSENT)]),
    ("http.schema.json#/$defs/ingest", "http/ingest.json", "", [("ids", []), ("ids/0", 58), ("cursors", [])]),
    ("http.schema.json#/$defs/message_request", "http/message_request.json", "", [
        ("text", ABSENT), ("agent", ""), ("policy", "wait"), ("replaces", "m 0"), ("answers_approval", 1), ("not_before", 5), ("start_by", "soon"),
        ("retry_of", "r_1")]),
    ("http.schema.json#/$defs/message_answer", "http/message_answer.json", "", [
        ("message_id", ABSENT), ("run_id", None), ("thread_id", ABSENT), ("status", "running")]),
    ("http.schema.json#/$defs/schedule_request", "http/schedule_request.json", "", [
        ("cron", ABSENT), ("cron", ""), ("thread_id", ABSENT), ("thread_id", ".."), ("zone", ""), ("agent", ""), ("policy", "wait"),
        ("catch_up", "some"), ("catch_up_limit", 0), ("catch_up_limit", 25), ("id", "report"), ("user_id", "u_1")]),
    ("http.schema.json#/$defs/schedule", "http/schedule.json", "", [
        ("id", ABSENT), ("cron", ABSENT), ("zone", ABSENT), ("catch_up", ABSENT), ("next", ABSENT), ("next", "soon"), ("done_up_to", 0),
        ("given", "no"), ("user_id", "u_1")]),
    ("http.schema.json#/$defs/schedules", "http/schedules.json", "", [("schedules", ABSENT), ("schedules/0", "report"), ("next", None)]),
    ("http.schema.json#/$defs/hook_answer", "http/hook_answer.json", "", [
        ("thread_id", ABSENT), ("message_id", None), ("run_id", ""), ("status", "running")]),
    ("http.schema.json#/$defs/command_request", "http/command_request.json", "", [
        ("name", ABSENT), ("name", "halt"), ("key", "k_1"), ("thread_id", "t_7"), ("by", "u_1"), ("as_of", 57),
        ("data/reason", [])]),
    ("http.schema.json#/$defs/command_answer", "http/command_answer.json", "", [
        ("thread_id", ABSENT), ("outcome", "accepted"), ("cursors", ABSENT), ("op", "accepted"),
        ("details/run_id", ABSENT)]),
    ("http.schema.json#/$defs/error", "http/error.json", "", [
        ("error/code", ABSENT), ("error/op", "error"), ("error", "no"), ("op", "error")]),
]

# Values for the definitions: which ones they take, and which ones not.
DEFINITIONS = {
    "id": ([
        "a", "t_7:a~b.c-d", "x" * 256, ".", "auth0|5f7c8ec7", "a@example.org", "https://example.org/a?b=c&d#e", "U02/T01",
        "19:x@thread.v2", "+4930123456", "call_abc|fc_1", "aGk+/w==", "mcp/server/1", "!#$%&'()+,-./:;=?@[]^_{|}~"], [
        "", "x" * 257, "a b", "é", "a\n", "a\u007f", 1, None, 'a"', "a\\", "a*", "<a", "a>", "`a`"]),
    "thread_id": (["a", "...", "./a", "U02/T01", "x" * 256], [".", "..", "", "x" * 257, "a b", "t*", 1, None]),
    "name": (["guide", "Führer durch 日本 🧭", "mcp/server/1", "functions.search", "x" * 256], ["", "x" * 257, "a\n", "a\u007f", "a\u0085", "\u0000", 1]),
    "cursor": (["1-1", "3-42", "10-18446744073709551615"], [
        "0-1", "1-0", "01-1", "1-", "-1", "3-42 ", "3-42\n", "3", 3]),
    "cursor_or_null": (["3-42", None], ["", "start", 0, False]),
    "time": (["2026-11-21T02:10:00.123Z"], [
        "2026-11-21T02:10:00Z", "2026-11-21T02:10:00.12Z", "2026-11-21T02:10:00.1234Z", "2026-11-21 02:10:00.123Z",
        "2026-11-21T02:10:00.123+00:00", "2026-11-21T02:10:00.123Z\n", "２026-11-21T02:10:00.123Z", 0]),
    "count": ([0, 9223372036854775807], [-1, 0.5, 9223372036854775808, "1", None, True]),
    "seq": ([1, 18446744073709551615], [0, -1, 18446744073709551616, 1.5, "1"]),
    "fraction": ([0, 0.25, 1], [-0.01, 1.01, "0.5", None]),
    "text": (["", "🧭"], [None, 1, []]),
    "json": ([None, 1, {}], []),
    "trace": ([{"traceparent": PARENT}, {"traceparent": PARENT[:-1] + "0", "tracestate": "a=1,b@c=2"}], [
        {}, PARENT, None, {"traceparent": PARENT + "-x"}, {"traceparent": "00" + PARENT[2:53] + "02"},
        {"traceparent": PARENT, "tracestate": "a=\n"}]),
    "req": ([1, "1", 0.5], [None, True, [], {}]),
    "error_code": (["order.paused", "a.b.c_1"], [
        "", "paused", "Order.paused", "order.", "order.paused\n", "order paused"]),
    "failure": ([], [{}, None, {"code": "a.b", "message": "", "retryable": False}]),
    "met_run": ([{"run_id": "r_1"}, {"run_id": "r_1", "status": "paused", "since": "3-1"}], [
        {}, {"run_id": ""}, {"run_id": "r_1", "status": "open"}, {"run_id": "r_1", "waiting_for": ["a", "a"]}]),
    "command_details": ([{"runs": []}, {"run_id": "r_1"}, {"runs": [], "left": [{"run_id": "r_1"}], "as_of": "unknown"}], [
        {}, {"run_id": "r_1", "runs": []}, {"runs": [], "left": []}, {"runs": [], "as_of": "3-1"}]),
}


def check(schemas, report):
    refusals = Counter({path: 0 for path in schemas.schemas})
    for schema, golden, root, faults in SPOILT:
        refusals[schema.partition("#")[0]] += _check_spoilt(schemas, schema, golden, root, faults, report)
    definitions = "definitions.schema.json"
    missing = set(schemas.definitions(definitions)) - set(DEFINITIONS)
    report.check_none((f"{name} is never refused" for name in sorted(missing)), definitions)
    for name, (valid, invalid) in DEFINITIONS.items():
        reference = f"{definitions}#/$defs/{name}"
        for value in valid:
            report.check(not schemas.errors(reference, value), reference, f"refuses {value!r}")
        for value in invalid:
            refused = bool(schemas.errors(reference, value))
            report.check(refused, reference, f"takes {value!r}")
            refusals[definitions] += refused
    for path, count in refusals.items():
        report.check(count >= 3, path, f"is seen to refuse {count} values; at least 3 are asked for")


def _check_spoilt(schemas, schema, golden, root, faults, report):
    """How many of the spoilt values are refused, and for the right place."""
    refused = 0
    try:
        sound = _at(parse((schemas.folder / "golden" / golden).read_bytes()), _steps(root))
    except (OSError, ValueError, LookupError, TypeError) as error:
        report.check(False, f"golden/{golden}", f"cannot be spoilt: {error}")
        return refused
    problems = schemas.problems(schema, sound)
    report.check_none(problems, f"{schema}, {golden}")
    for path, value in faults:
        steps = _steps(path)
        errors = schemas.errors(schema, _spoil(sound, steps, value))
        # The fault is found where it is, or around or inside of that.
        found = [error for error in errors if all(step == of for step, of in zip(steps, error.absolute_path))]
        shown = "without it" if value is ABSENT else f"as {value!r}"
        report.check(bool(found) and not problems, schema, f"takes {golden} with {path} {shown}")
        refused += bool(found)
    return refused


def _steps(path):
    return [int(step) if step.isdigit() else step for step in path.split("/") if step]


def _at(value, steps):
    for step in steps:
        value = value[step]
    return value


def _spoil(sound, steps, value):
    spoilt = copy.deepcopy(sound)
    holder = _at(spoilt, steps[:-1])
    if value is ABSENT:
        del holder[steps[-1]]
    else:
        holder[steps[-1]] = value
    return spoilt
