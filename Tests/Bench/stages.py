#!/usr/bin/env python3
"""Counts what one event of another program costs in the service, from the bytes of its request to the bytes of the answer and of the
event at one follower, stage by stage.

The service runs under Callgrind, so these are instructions of its own code, and not of the kernel. What serves many stages (counting
references, memory, copies, collections) is given to those that call it, in proportion; a second table says how much of it there is.

  stages.py                     tables for documentation, of a log in memory: events one at a time, and 64 on the way
  stages.py --in-flight 1 16    as many events on the way at a time
  stages.py --files             of a log in files
  stages.py --functions         and the functions with most instructions of their own, of each stage
  stages.py --self-test         that what is used by two stages is given to both, in proportion
"""

import argparse
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

import callgrind
import wire

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# The first that a function's name fits is its stage. Names are demangled.
STAGES = [
    ("unmask", "the mask of the frame is taken off, its text is checked", r"[uU]nmask|masked\(by|UTF8Validation|webSocketMask"),
    ("decode", "JSON becomes a request with drafts of events",
     r"JSONParser|StringScan|JSONValue|JSONObject|JSONNumber|MemberReader|EventDecoder|ClientMessage|EmitRequest|DraftBatch|"
     r"MessageParser|ParsingStateMachine|static EventPayload\.decode"),
    ("encode", "the event becomes its bytes", r"EventEncoder|MemberWriter|JSONWriter|ByteWriter|Timestamp\.write"),
    ("machine", "the order of runs is checked, and the state of the thread changed",
     r"ThreadStateMachine|RunStateMachine|OpenRuns|OpenRun\b|OpenWork|ItemLedger|OpenMessage|RunRests|EndedRuns|ThreadLoad|RunTokens|"
     r"ThreadDeadline"),
    ("context", "the actor of the thread takes the events, and gives them a number and a time",
     r"ExecutionContext|AcceptPath|ThreadHead|ContextRegistry|ThreadContexts|WallClock|KeyedEmissions|RefusedEmissions|RequestKey"),
    ("commit", "the writer takes what is offered, and the log has it",
     r"GroupCommit|CommitGathering|InMemory|FileEventLog|LogWriter|LogCommit|BlockEncoder|BlockBuffer|EncodedCommit|Segment|"
     r"TailStateMachine|CommitPlan|MemoryIndex|Index|Checksum|MeasuredLog|CardTable"),
    ("hub", "everybody downstream is told of the commit", r"CommitHub|CommitMetrics|ThreadDirectory|DirectoryInbox|SinkPump|ThreadWatchers"),
    ("interest", "who follows the thread, on which loop", r"StreamDelivery|LoopSet|CommittedEvents"),
    ("frame out", "the event is framed, once for all", r"FramedEvents|StreamFraming|WebSocketFraming"),
    ("inbox", "one hop to each event loop", r"CommitInbox|LoopDelivery\.post"),
    ("loop", "the loop gives the event to those who are live",
     r"LoopDelivery|LoopState|LoopThread|StreamSubscription|SubscriptionStateMachine|WrittenSessions|SessionSubscriptions"),
    ("answer", "the request is answered after its commit", r"ServerMessage|EmittedAnswers|Emissions|EmissionQueue|EmissionBatch"),
    ("dispatch", "the session checks rights and limits, and hands the request on in its turn",
     r"StreamSession|RequestOrder|EventIngest|ThreadAccess|SessionRights|Clearance|SessionIdentity|SessionServices|ServiceLimits|"
     r"Principal|MessageLimit|TokenBucket|StreamLimits|OutsideEmitters|OwnershipAuthorizer|MembersAuthorizer|RightsAnswer"),
    ("frame in", "frames are found in the bytes that were read",
     r"InboundFrames|WebSocketInbound|MessageWebSocket|StreamHandler|FirstRequest"),
    ("write", "the transport writes and flushes",
     r"SessionOutput|WebSocketTransport|PendingStreamWrites|PendingWrites|writev|\bwrite\b|[fF]lush|Heartbeat|ProgressStateMachine"),
    ("read", "the socket is read", r"readFromSocket|readable\(|readIfNeeded|RecvBuffer|ReadBufferAllocator|recv\b|\bread\b|BaseSocket"),
    ("wake", "loops and tasks are woken, and take turns",
     r"Selector|epoll|eventfd|SelectableEventLoop|MultiThreadedEventLoop|swift_task|swift_job|swift_continuation|dispatch|_dispatch|"
     r"pthread|Executor|WakeSignal|swift::.*(Task|Job|Actor|Continuation)|TaskGroup|timerfd|Mutex|futex"),
]
# The way of an event through them.
WAY = (
    "read", "unmask", "frame in", "decode", "dispatch", "context", "machine", "encode", "commit", "hub", "interest", "frame out", "inbox",
    "loop", "write", "answer", "wake")
# What serves the others; shown apart.
SERVICES = [
    ("counting references", r"^_?swift_(bridgeObject|unknownObject)?_?(retain|release)|^swift_(retain|release|bridgeObject|unknownObject|is[A-Z])|"
     r"RefCount|swift_allocObject|swift_dealloc|swift_slow|swift_arrayInit|swift_arrayDestroy|outlined|value witness|swift_cvw"),
    ("memory", r"^_?_?(libc_)?(malloc|free|calloc|realloc|cfree|memalign|posix_memalign|int_malloc|int_free)|malloc_consolidate|unlink_chunk|"
     r"_int_|tcache|arena|sysmalloc"),
    ("copies and comparisons", r"mem(cpy|move|set|cmp|chr)|_mem|strlen|strcmp"),
    ("checks of exclusive access", r"swift_(begin|end)Access|AccessSet|SwiftTLSContext|__tls_get_addr|swift::runtime::"),
    ("types and casts", r"swift_get|swift_dynamicCast|swift_conforms|swift_checkMetadata|MetadataAccess|metadata|swift_once|swift_project"),
]


def measure(binary, in_flight, options, folder):
    """What was counted in the service while events came one after the other, and were read."""
    copy = callgrind.without_debug_information(binary)
    out = f"{folder}/out"
    place = ["--data", f"{folder}/data"] if options.files else ["--in-memory"]
    service = subprocess.Popen(
        [*callgrind.command(out), copy, "serve", "--port", "0", *place], env=callgrind.environment(),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        port = wire.port_of(service)
        follower = wire.open_connection(port, 1)
        emitter = wire.Connection(port, 2)

        def emit(*events):
            emitter.send(*(f'{{"op":"emit","req":1,"thread_id":"t_1","events":[{event}]}}' for event in events))
            emitter.read(b'"op":"emitted"', len(events))
            follower.read(b'"run_id":"r_1"', len(events))

        piece = '{"type":"message_delta","run_id":"r_1","data":{"message_id":"m_1","text":"word "}}'
        emit('{"type":"agent_started","run_id":"r_1","agent":"bench","data":{}}')
        batch = [piece] * in_flight
        for _ in range(max(1, 256 // in_flight)):
            emit(*batch)
        control(service, "--zero")
        batches = max(1, options.events // in_flight)
        for _ in range(batches):
            emit(*batch)
        control(service, "--dump")
        return batches * in_flight, callgrind.profiles(out)[-1]
    finally:
        service.terminate()
        service.communicate()


def control(service, request):
    subprocess.run(["callgrind_control", request, str(service.pid)], check=True, capture_output=True)


def demangled(names):
    """The names as people write them, without the types of arguments."""
    names = list(names)
    run = subprocess.run(
        ["swift", "demangle", "--simplified"], input="\n".join(names), capture_output=True, text=True, check=True)
    return dict(zip(names, run.stdout.split("\n"), strict=False))


def stage_of(name):
    for number, (_, pattern) in enumerate(SERVICES):
        if re.search(pattern, name):
            return ("service", number)
    for number, (_, _, pattern) in enumerate(STAGES):
        if re.search(pattern, name):
            return ("stage", number)
    return ("other", 0)


def attributed(profile, kinds):
    """For each function of no stage the shares of the stages that it works for: those of its callers, in proportion."""
    callers = collections.defaultdict(list)
    for (caller, callee), (_, cost) in profile.calls.items():
        if caller != callee and kinds[callee][0] != "stage":
            callers[callee].append((caller, cost))
    shares = {name: {kind[1]: 1.0} for name, kind in kinds.items() if kind[0] == "stage"}
    for _ in range(60):
        for name, calls in callers.items():
            sums, total = collections.Counter(), 0
            for caller, cost in calls:
                total += cost
                for stage, share in shares.get(caller, {}).items():
                    sums[stage] += share * cost
            if total:
                shares[name] = {stage: value / total for stage, value in sums.items()}
    return shares


class Costs:
    """What was counted, by stages."""

    def __init__(self, profile, texts):
        kinds = {name: stage_of(text) for name, text in texts.items()}
        shares = attributed(profile, kinds)
        self.own, self.whole, self.services = collections.Counter(), collections.Counter(), collections.Counter()
        self.functions = collections.defaultdict(collections.Counter)
        self.rest = collections.Counter()
        for name, cost in profile.own.items():
            kind, number = kinds[name]
            if kind == "stage":
                self.own[number] += cost
            elif kind == "service":
                self.services[number] += cost
            known = shares.get(name, {})
            for stage, share in known.items():
                self.whole[stage] += cost * share
                self.functions[stage][texts[name]] += cost * share
            self.rest[texts[name]] += cost * (1 - sum(known.values()))


def report(measured, options):
    """Tables for documentation.

    - measured: for each number of events on the way how many there were, and what was counted.
    """
    columns = []
    for in_flight, (events, profile) in measured.items():
        costs = Costs(profile, demangled(set(profile.own) | {name for call in profile.calls for name in call}))
        columns.append((in_flight, events, profile, costs))
    heads = [f"{in_flight} on the way" if in_flight > 1 else "one at a time" for in_flight, *_ in columns]

    def row(*cells):
        print("| " + " | ".join(cells) + " |")

    def cells(cost):
        return [f"{cost(costs, profile) / events:,.0f}, {cost(costs, profile) / profile.instructions:.1%}"
                for _, events, profile, costs in columns]

    row("stage", "", *heads)
    print("|---|---|" + "---|" * len(columns))
    for number, (name, what, _) in sorted(enumerate(STAGES), key=lambda stage: WAY.index(stage[1][0])):
        row(name, what, *cells(lambda costs, _, number=number: costs.whole[number]))
    row("others", "what works for none of these", *cells(lambda costs, _: sum(costs.rest.values())))
    row("**one event**", "", *[f"**{profile.instructions / events:,.0f}**" for _, events, profile, _ in columns])
    print()
    row("used by all of them", *heads)
    print("|---|" + "---|" * len(columns))
    for number, (name, _) in enumerate(SERVICES):
        row(name, *cells(lambda costs, _, number=number: costs.services[number]))
    row("allocations", *[f"{profile.allocations / events:.1f}" for _, events, profile, _ in columns])
    if not options.functions:
        return
    for in_flight, events, _, costs in columns:
        named = [(name, costs.functions[number]) for number, (name, _, _) in enumerate(STAGES)]
        for name, functions in [*named, ("of no stage", costs.rest)]:
            print(f"\n{name}, {in_flight} on the way")
            for function, cost in functions.most_common(12):
                print(f"  {cost / events:>9,.0f}  {function[:150]}")


EXAMPLE = """# callgrind format
desc: Trigger: --dump-before=boundary
events: Ir
fn=(1) ExecutionContext.emit
0 100
cfn=(2) swift_retain
calls=2 0
0 20
fn=(3) JSONParser.value
0 50
cfn=(4) ByteBuffer.copy
calls=1 0
0 60
fn=(4)
0 30
cfn=(2)
calls=4 0
0 30
cfn=(5) malloc
calls=3 0
0 0
fn=(2)
0 50
fn=(6) something that nobody calls
0 7
totals: 237
"""


def self_test():
    with tempfile.NamedTemporaryFile("w", suffix=".1") as file:
        file.write(EXAMPLE)
        file.flush()
        profile = callgrind.Profile(file.name)
    costs = Costs(profile, {name: name for name in set(profile.own) | {name for call in profile.calls for name in call}})
    number = {name: number for number, (name, _, _) in enumerate(STAGES)}
    expected = [
        ("all instructions", profile.instructions, 237), ("allocations", profile.allocations, 3),
        ("the context's own", costs.own[number["context"]], 100), ("decode's own", costs.own[number["decode"]], 50),
        ("the context with its part of the counting", costs.whole[number["context"]], 120),
        ("decode with what it uses, and with what that uses", costs.whole[number["decode"]], 110),
        ("of no stage", sum(costs.rest.values()), 7), ("the dump's trigger", profile.trigger, "--dump-before=boundary"),
    ]
    wrong = [f"{title}: {found}, and not {right}" for title, found, right in expected
             if (found != right if isinstance(right, str) else abs(found - right) > 1e-6)]
    for sentence in wrong:
        print(f"self-test: {sentence}")
    print(f"stages, self-test: {len(expected) - len(wrong)} of {len(expected)} as expected")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/agent-events")
    parser.add_argument("--events", type=int, default=1024)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 64], help="how many events are on the way at a time")
    parser.add_argument("--files", action="store_true")
    parser.add_argument("--functions", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    if not callgrind.is_there():
        sys.exit("stages: counting instructions needs Valgrind")
    measured = {}
    for in_flight in options.in_flight:
        with tempfile.TemporaryDirectory() as folder:
            measured[in_flight] = measure(options.binary, in_flight, options, folder)
    report(measured, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
