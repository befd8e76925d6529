#!/usr/bin/env python3
"""Checks that time, chance and threads come from the environment (Sources/AgentEvents/Environment) and nowhere else.

A source that asks the system itself runs in another way in each simulation of one seed. Those that may are listed here,
each with its reason; one that does not ask any longer is a failure as well, so that the list stays true.
"""

import argparse
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENT = "Sources/AgentEvents/Environment/"

# What asks the system, in the words of this check and as it is written.
ASKING = {
    "a clock": r"\b(ContinuousClock|SuspendingClock|NIODeadline\s*\.\s*now|Dispatch(Wall)?Time\s*\.\s*now)\b",
    # The same two, where the type is left out.
    "a deadline": r"(?<![\w.)\]?])\.now\(\)\s*[+)]",
    "the time of day": r"\bDate\(\)|\bDate\.now\b|\b(clock_gettime|gettimeofday|timespec_get|mach_absolute_time)\b",
    "a sleep": r"\bTask\s*(<[^>]*>)?\s*\.\s*sleep\b|\b(Thread\.sleep|usleep|nanosleep)\b|\basyncAfter\b",
    "chance": r"\bSystemRandomNumberGenerator\b|\bUUID\(\)|\.(randomElement|shuffled|shuffle)\(\)|\barc4random",
    # With a generator it is that generator's.
    "a random number": r"(?<!func )\.random\((?![^()]*(\([^()]*\)[^()]*)*using:)",
    "threads": r"\bglobalConcurrentExecutor\b",
}

# File, what it asks for, and why it may.
EXCEPTIONS = [
    ("Sources/AgentEvents/Log/GroupCommit.swift", "a deadline",
     "blocks the thread of a log that has one of its own; a log without one never comes there"),
    ("Sources/AgentEventsServer/Webhook/WebhookSink.swift", "a deadline",
     "the HTTP client compares it with the time of its own event loops"),
    ("Sources/AgentEventsTracing/Export/OTLPExporter.swift", "a deadline",
     "the HTTP client compares it with the time of its own event loops"),
    ("Sources/AgentEventsClient/Connection/StreamConnection.swift", "a random number",
     "masks of frames must not be foreseen, RFC 6455 10.3: they are the system's whatever the environment"),
    ("Sources/AgentEventsClient/Connection/StreamMessageHandler.swift", "a random number", "masks, as above"),
    ("Sources/AgentEventsServer/Listening/UnixSocketFile.swift", "a random number", "names a folder of its own"),
    ("Sources/AgentEventsSimulation/Campaign.swift", "a clock", "how long the simulation itself runs"),
    ("Sources/AgentEventsSimulation/Shrinking.swift", "a clock", "how long the simulation itself runs"),
    ("Sources/agent-events-simulation/SimulationOptions.swift", "a random number", "the seed when none is given"),
    ("Sources/AgentEventsFuzzing/Fuzzing.swift", "the time of day", "measures the time of the processor"),
    ("Sources/agent-events-simulation/FuzzProgram.swift", "the time of day", "processes that never end"),
    ("Sources/agent-events-simulation/FuzzProgram.swift", "a sleep", "waits for processes"),
    ("Sources/agent-events/Bench/CommitBenchmark.swift", "a clock", "measures"),
    ("Sources/agent-events/Bench/EmitBenchmark.swift", "a clock", "measures"),
    ("Sources/agent-events/Bench/SubscriberBenchmark.swift", "a clock", "measures"),
    ("Sources/agent-events/Bench/DiscardingLog.swift", "a sleep", "measures"),
    ("Sources/agent-events/Bench/ReplayBenchmark.swift", "a clock", "measures"),
    ("Sources/agent-events/Bench/ReplayBenchmark.swift", "chance", "measures"),
    ("Sources/agent-events/Bench/ProcessorTime.swift", "the time of day", "measures the time of the processor"),
    ("Sources/agent-events/Bench/BenchCommand.swift", "chance", "names a folder of its own"),
    ("Sources/AgentEventsPrometheus/ProcessMetrics.swift", "the time of day", "this target depends on swift-metrics only"),
    ("Sources/agent-events/Operation/SystemNotice.swift", "the time of day", "systemd compares it with its own clock"),
    ("Sources/AgentEventsModels/Script/ScriptedModel.swift", "a clock", "the public default of a model for tests"),
    ("Sources/AgentEvents/Approvals/SchemaProbe.swift", "chance", "a value to decode from, which nobody sees"),
    ("Sources/AgentEventsTesting/Fault/FaultyLog.swift", "a clock", "the public default of a test kit"),
    ("Sources/AgentEventsTesting/Fault/FaultySink.swift", "a clock", "the public default of a test kit"),
    ("Sources/AgentEventsTesting/Fault/FaultPlan.swift", "a random number", "the seed when none is given"),
    ("Sources/AgentEventsTesting/Fault/Socket/SocketFaultPlan.swift", "a random number", "the seed when none is given"),
    ("Sources/AgentEventsTesting/Fault/Socket/ProxyLoop.swift", "the time of day", "real sockets, real time"),
    ("Sources/AgentEventsTesting/Probe/WithEventProbe.swift", "a clock", "the public default of a test kit"),
    ("Sources/AgentEventsTesting/Survival/SurvivesCommands.swift", "a clock", "the public default of a test kit"),
]


def without_comments(line):
    """Good enough for this code: no string here holds a comment, or one of the words that are looked for."""
    return re.sub(r"//.*", "", line)


def found(root):
    """For each file and kind of asking the first line with it."""
    places = {}
    for file in sorted((root / "Sources").rglob("*.swift")):
        name = file.relative_to(root).as_posix()
        if name.startswith(ENVIRONMENT):
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            code = without_comments(line)
            for kind, pattern in ASKING.items():
                if re.search(pattern, code):
                    places.setdefault((name, kind), (number, line.strip()))
    return places


def check(root):
    places = found(root)
    allowed = {(name, kind) for name, kind, _ in EXCEPTIONS}
    problems = [
        f"{name}:{number}: asks the system for {kind}; take it from the environment: {line}"
        for (name, kind), (number, line) in places.items() if (name, kind) not in allowed
    ]
    problems += [
        f"{name}: does not ask for {kind} any longer: take it off the list" for name, kind in sorted(allowed - set(places))
    ]
    return problems


# Each is found, where it is written into a file that may not ask.
PLANTED = [
    "let start = ContinuousClock.now",
    "let clock: any Clock<Duration> = SuspendingClock()",
    "let now = NIODeadline.now()",
    "semaphore.wait(timeout: .now() + .seconds(1))",
    "client.execute(request: request, deadline: .now() + limit)",
    "let now = Date()",
    "clock_gettime(CLOCK_MONOTONIC, &time)",
    "try await Task.sleep(for: .seconds(1))",
    "try? await Task<Never, Never>.sleep(nanoseconds: 1)",
    "var generator = SystemRandomNumberGenerator()",
    "let name = UUID().uuidString",
    "let first = names.randomElement()",
    "let jitter = Double.random(in: 0..<1)",
    "let mask = WebSocketMaskingKey.random()",
    "init(seed: UInt64 = .random(in: 0 ... .max)) {}",
    "group.addTask(executorPreference: globalConcurrentExecutor) {}",
]

# None of these asks the system.
HARMLESS = [
    "// let start = ContinuousClock.now",
    "let now = clock.now()",
    "let due = environment.wallClock.now() + 1",
    "case .now: head",
    "let step = UInt64.random(in: 0..<limit(of: 3), using: &generator)",
    "let event = ModelEvent.random(at: time, using: &generator)",
    "try await environment.sleep(.seconds(1))",
    "let some = names.shuffled(using: &generator)",
]


def self_test():
    failures = []
    for lines, is_found in ((PLANTED, True), (HARMLESS, False)):
        for line in lines:
            with tempfile.TemporaryDirectory() as folder:
                root = pathlib.Path(folder)
                file = root / "Sources" / "AgentEvents" / "Runtime" / "Planted.swift"
                file.parent.mkdir(parents=True)
                file.write_text(f"func planted() {{\n    {line}\n}}\n", encoding="utf-8")
                if bool(found(root)) != is_found:
                    failures.append(f"{'not ' if is_found else ''}found: {line}")
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        file = root / ENVIRONMENT / "Environment.swift"
        file.parent.mkdir(parents=True)
        file.write_text("let clock = ContinuousClock()\n", encoding="utf-8")
        if found(root):
            failures.append("found in the environment itself")
        if len(check(root)) != len(EXCEPTIONS):
            failures.append("an exception that is not needed any longer is not a problem")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help="the top folder of the repository")
    parser.add_argument("--self-test", action="store_true", help="instead, prove that the check can fail")
    arguments = parser.parse_args()
    problems = self_test() if arguments.self_test else check(arguments.root)
    for problem in problems:
        print(problem)
    if problems:
        return 1
    if arguments.self_test:
        print(f"{len(PLANTED)} ways to ask the system found, {len(HARMLESS)} harmless lines passed")
    else:
        print(f"time, chance and threads come from the environment; {len(EXCEPTIONS)} exceptions, each needed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
