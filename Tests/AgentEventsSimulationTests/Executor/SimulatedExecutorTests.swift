import AgentEvents
import AgentEventsSimulation
import Synchronization
import Testing

@Suite(.ownThread) struct SimulatedExecutorTests {
    /// What is seen of where jobs run, and in which order.
    private final class Record: Sendable {
        private let state = Mutex((thread: CurrentThread.number, elsewhere: 0, trace: [String]()))

        func note(_ text: String) {
            let thread = CurrentThread.number
            state.withLock { state in
                if thread != state.thread { state.elsewhere += 1 }
                state.trace.append(text)
            }
        }

        var elsewhere: Int { state.withLock { $0.elsewhere } }
        var trace: [String] { state.withLock { $0.trace } }
    }

    private struct NotingSink: EventSink {
        let record: Record
        let name = "noting"

        func receive(_ batch: SinkBatch) async throws {
            for event in batch.events { record.note("sink \(event.id.sequence)") }
        }
    }

    /// A log that notes where it is called.
    private struct NotingLog: EventLog {
        let base: InMemoryEventLog
        let record: Record

        func open() async throws(EventLogError) -> LogOpening {
            record.note("open")
            return try await base.open()
        }
        func append(_ commit: LogCommit) async throws(EventLogError) {
            record.note("append \(commit.entries.map { "\($0.owner.thread) \($0.id.sequence)" })")
            try await base.append(commit)
        }
        func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
            record.note("read")
            return try await base.read(request)
        }
        func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
            record.note("thread")
            return try await base.thread(thread)
        }
        func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
            record.note("started")
            return try await base.startedRuns(among: runs, in: thread)
        }
        func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
            record.note("recall")
            return try await base.recall(key, in: thread)
        }
    }

    private struct Outcome {
        var trace: [String]
        var elsewhere: Int
        var foreign: Int
        var steps: Int
        var isDone: Bool
        var eventCount: Int
    }

    /// A runtime with contexts, runs with tools, keyed emissions, a reader and a sink, all on one executor.
    private static func run(seed: UInt64) -> Outcome {
        let executor = SimulatedExecutor()
        let time = SimulatedTime()
        let record = Record()
        let isDone = Mutex(false)
        let eventCount = Mutex(0)
        var random = SimulationRandom(seed: seed)
        let numbers = Mutex(SimulationRandom(seed: seed ^ 1))
        let environment = Environment(
            wallClock: time.wallClock, clock: time.clock, randomNumber: { numbers.withLock { $0.next() } },
            backgroundExecutor: executor)
        let log = NotingLog(base: InMemoryEventLog(clock: time.wallClock), record: record)
        let runtime = AgentRuntime(
            log: log, sinks: [NotingSink(record: record)],
            configuration: RuntimeConfiguration(environment: environment))
        let scenario = Task(executorPreference: executor) {
            await withTaskGroup { group in
                group.addTask { try? await runtime.run() }
                await withTaskGroup { work in
                    for number in 0..<4 {
                        work.addTask { await Self.work(number, runtime, record) }
                    }
                }
                try? await runtime.flushSinks()
                runtime.shutdown()
            }
            let page = try? await log.base.read(LogRead(.all(afterOffset: 0)))
            eventCount.withLock { $0 = page?.events.count ?? 0 }
            isDone.withLock { $0 = true }
        }
        var steps = 0
        while !isDone.withLock({ $0 }) {
            steps += executor.runUntilIdle(&random)
            guard isDone.withLock({ $0 }) || time.fireNext() else { break }
        }
        _ = scenario
        return Outcome(
            trace: record.trace, elsewhere: record.elsewhere, foreign: executor.foreignCount, steps: steps,
            isDone: isDone.withLock { $0 }, eventCount: eventCount.withLock { $0 })
    }

    private static func work(_ number: Int, _ runtime: AgentRuntime, _ record: Record) async {
        let thread = ThreadID(text: IdentifierText(unchecked: "t\(number % 2)"))
        do {
            for round in 0..<5 {
                _ = try await runtime.withRun(user: "u_1", thread: thread, agent: "guide", input: "?") { run in
                    record.note("run \(number)")
                    try await run.think("so")
                    async let one: Void = run.tool("read", arguments: [1]) { _ in record.note("tool") }
                    async let other: Void = run.tool("read", arguments: [2]) { _ in await Task.yield() }
                    _ = try await (one, other)
                    try await run.say("done")
                    return "done"
                }
                let context = try await runtime.context(user: "u_1", thread: thread)
                let key = IdempotencyKey(text: IdentifierText(unchecked: "k\(round)"))
                let drafts = [EventDraft(.custom(CustomEvent(name: "note", value: 1)))]
                _ = try await context.emit(drafts, key: key)
                record.note("emitted \(number) \(round)")
            }
        } catch {
            record.note("\(error)")
        }
    }

    @Test func everyJobRunsOnTheThreadThatDrives() {
        for seed in 0..<20 as Range<UInt64> {
            let outcome = Self.run(seed: seed)
            #expect(outcome.isDone)
            #expect(outcome.elsewhere == 0)
            #expect(outcome.foreign == 0)
            // Each run has eight events or more, and each key is logged once in its thread.
            #expect(outcome.eventCount == 4 * 5 * 9 + 2 * 5)
        }
    }

    @Test func theSameSeedGivesTheSameTraceAndAnotherOneAnother() {
        let one = Self.run(seed: 1)
        #expect(one.trace == Self.run(seed: 1).trace)
        #expect(one.trace != Self.run(seed: 2).trace)
    }
}
