import AgentEventsTestSupport
import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEvents

/// A runtime trims its log, keeps the state of what goes, and everybody who reads is told.
struct RetentionSweepTests {
    private func configuration(_ policy: RetentionPolicy) -> RuntimeConfiguration {
        var configuration = RuntimeConfiguration()
        configuration.retention = policy
        configuration.retentionInterval = .milliseconds(1)
        return configuration
    }

    private func emit(_ count: Int, _ runtime: AgentRuntime) async throws {
        for number in 0..<count {
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                try await run.think("about \(number)")
                try await run.say("Number \(number).")
            }
        }
    }

    /// Gives other tasks their turn until a condition holds, for ten minutes at most.
    private func wait(
        for what: String,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ condition: () async throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + .seconds(600)
        while try await !condition() {
            try #require(ContinuousClock.now < deadline, "waited for \(what)", sourceLocation: sourceLocation)
            await Task.yield()
        }
    }

    @Test func aTrimmedThreadIsWhatItsSnapshotAndTheRestSay() async throws {
        let log = InMemoryEventLog()
        let sink = InMemorySink()
        let policy = RetentionPolicy(maximumEventsPerThread: 7)
        try await withAgentRuntime(log: log, sinks: [sink], configuration: configuration(policy)) { runtime in
            for round in 1...5 {
                try await emit(3, runtime)
                try await runtime.flushSinks()
                try await wait(for: "round \(round) to be trimmed") {
                    guard let record = try await log.thread("t_1") else { return false }
                    return record.head.sequence - record.oldest.sequence == 6
                }
                let record = try #require(try await log.thread("t_1"))
                let newest = try await ThreadSnapshot.newest(of: "t_1", record: record, in: log, log)
                let snapshot = try #require(newest)
                #expect(snapshot.cursor.sequence == record.oldest.sequence - 1)
                var state = snapshot.state
                for stored in try await log.read(LogRead(.thread("t_1", after: 0))).events {
                    state.apply(try EventDecoder.decode(stored.bytes))
                }
                #expect(state == ThreadState(folding: sink.events(in: "t_1")))
            }
            try await wait(for: "a whole sweep") { runtime.retentionState?.sweepCount ?? 0 > 0 }
            let state = try #require(runtime.retentionState)
            #expect(state.failure == nil && state.droppedSnapshotCount == 0 && state.trimCount >= 5)
        }
    }

    @Test func withoutAPolicyNothingIsTrimmed() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            try await emit(3, runtime)
            #expect(runtime.retentionState == nil)
        }
    }

    @Test func aLogThatCannotBeTrimmedIsRefused() async throws {
        let policy = RetentionPolicy(maximumAge: .seconds(60))
        let runtime = AgentRuntime(log: BareLog(), configuration: configuration(policy))
        let error = await #expect(throws: AgentEventsError.self) { try await runtime.run() }
        #expect(error?.code == .retentionUnsupported)
    }

    @Test func aSweepThatFailsIsVisibleAndTriedAgain() async throws {
        let log = BrokenTrimLog()
        let policy = RetentionPolicy(maximumEventsPerThread: 1)
        try await withAgentRuntime(log: log, configuration: configuration(policy)) { runtime in
            try await emit(1, runtime)
            try await wait(for: "the failure") {
                (runtime.retentionState?.failure as? EventLogError)?.code == .full
            }
            #expect(try await log.thread("t_1")?.oldest.sequence == 1)
            try await emit(1, runtime)
            log.repair()
            try await wait(for: "the next try") { try await log.thread("t_1")?.oldest == log.thread("t_1")?.head }
            try await wait(for: "a sweep without failure") { runtime.retentionState?.failure == nil }
        }
    }

    /// A state that is too large to be stored keeps nothing from being trimmed, and is counted.
    @Test func aStateThatIsTooLargeIsGivenUp() async throws {
        let log = InMemoryEventLog()
        // All but the ends of the messages and of the run.
        let policy = RetentionPolicy(maximumEventsPerThread: 11)
        try await withAgentRuntime(log: log, configuration: configuration(policy)) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            _ = try await context.emit(EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())))
            // JSON writes each character six times as long; what is open has no limit.
            let text = String(repeating: "\u{1}", count: 150_000)
            for number in 0..<10 {
                let delta = MessageDelta(messageID: try MessageID("m_\(number)"), text: text)
                _ = try await context.emit(EventDraft(runID: "r_1", .messageDelta(delta)))
            }
            let failure = RunFailure(code: "test.over", message: "over", retryable: false)
            let end = AgentFailed(error: failure, durationMilliseconds: 0)
            _ = try await context.emit(EventDraft(runID: "r_1", .agentFailed(end)))
            try await wait(for: "the trim") { try await log.thread("t_1")?.oldest.sequence == 12 }
            try await wait(for: "the count") { runtime.retentionState?.droppedSnapshotCount == 1 }
            #expect(try await ThreadSnapshot.load(.trimmed, of: "t_1", from: log) == nil)
            // What is folded now would lack what went before, and must not be taken for all of it.
            _ = try await context.emit([
                EventDraft(.userMessage(UserMessage(messageID: "m_4", userID: "u_1", text: "Hi")))
            ])
            try await wait(for: "the next trim") { runtime.retentionState?.droppedSnapshotCount == 2 }
            let record = try #require(try await log.thread("t_1"))
            #expect(record.oldest.sequence == 13)
            #expect(try await ThreadSnapshot.newest(of: "t_1", record: record, in: log, log) == nil)
        }
    }

    /// What is known of the events that are gone is not given up for what is to be known once the next ones are.
    @Test func aTrimThatFailsLeavesTheStateOfWhatIsGone() async throws {
        let log = BrokenTrimLog()
        log.repair()
        let policy = RetentionPolicy(maximumEventsPerThread: 3)
        try await withAgentRuntime(log: log, configuration: configuration(policy)) { runtime in
            try await emit(1, runtime)
            try await wait(for: "the trim") {
                guard let record = try await log.thread("t_1") else { return false }
                return record.head.sequence - record.oldest.sequence == 2
            }
            log.breakAgain()
            try await emit(2, runtime)
            try await wait(for: "the failure") { runtime.retentionState?.failure != nil }
        }
        let record = try #require(try await log.thread("t_1"))
        #expect(record.oldest.sequence > 1)
        // As it is when the tail with the events that were to go is lost, or the policy has changed.
        let oldest = record.oldest.sequence
        let newest = try await ThreadSnapshot.newest(of: "t_1", record: record, upTo: oldest, in: log, log)
        #expect(newest?.cursor.sequence == oldest - 1)
    }

    @Test func anEventThatCannotBeReadIsTrimmedAndTold() async throws {
        let log = InMemoryEventLog()
        let generation = try await log.open().generation
        let owner = ThreadOwner(thread: "t_1", user: "u_1")
        let entries = (1...3).map { number in
            LogEntry(
                owner: owner, id: EventID(generation: generation, sequence: number), type: .custom, run: nil,
                bytes: Array("damaged".utf8))
        }
        try await log.append(LogCommit(entries: entries, keys: [], time: Timestamp(milliseconds: 0)))
        log.close()
        var configuration = configuration(RetentionPolicy(maximumEventsPerThread: 1))
        configuration.retentionInterval = .seconds(3600)
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            try await wait(for: "the sweep") { runtime.retentionState?.sweepCount == 1 }
            let state = try #require(runtime.retentionState)
            #expect(try await log.thread("t_1")?.oldest.sequence == 3)
            #expect(state.droppedSnapshotCount == 1)
            #expect((state.failure as? EventLogError)?.code == .corrupt)
        }
    }

    @Test func aThreadWithNothingLeftGoesOnWithItsNumbers() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await withAgentRuntime(log: log) { runtime in try await emit(2, runtime) }
        let head = try #require(try await log.thread("t_1")).head.sequence
        try await log.trim([ThreadTrim(thread: "t_1", firstKept: head + 1)])
        log.close()
        try await withAgentRuntime(log: log) { runtime in
            let error = await #expect(throws: AgentEventsError.self) {
                try await runtime.context(user: "u_2", thread: "t_1")
            }
            #expect(error?.code == .threadForbidden)
            try await emit(1, runtime)
            let first = try #require(try await log.read(LogRead(.thread("t_1", after: 0))).events.first)
            #expect(first.id == EventID(generation: 2, sequence: head + 1))
            #expect(try await log.thread("t_1")?.oldest == first.id)
        }
    }

    @Test func aReaderIsToldWhatBecameOfItsCursor() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await withAgentRuntime(log: log) { runtime in
            try await emit(4, runtime)
            let head = try #require(try await log.thread("t_1")).head
            try await log.trim([ThreadTrim(thread: "t_1", firstKept: 5)])
            let cursors: [(UInt64, UInt64, AgentEventsError.Code?)] = [
                (1, 1, .cursorTrimmed), (1, 4, .cursorTrimmed), (9, 4, .cursorDiverged), (1, 5, nil),
                (9, 5, .cursorDiverged), (1, head.sequence, nil), (9, head.sequence, .cursorDiverged),
                (1, head.sequence + 1, .cursorUnknown), (9, head.sequence + 1, .cursorDiverged),
            ]
            for (generation, sequence, code) in cursors {
                let cursor = EventID(generation: generation, sequence: sequence)
                do throws(AgentEventsError) {
                    _ = try await runtime.events(user: "u_1", thread: "t_1", from: .after(cursor))
                    #expect(code == nil, "\(cursor)")
                } catch {
                    #expect(error.code == code, "\(cursor)")
                }
            }
            let error = await #expect(throws: AgentEventsError.self) {
                try await runtime.events(user: "u_1", thread: "t_2", from: .after(head))
            }
            #expect(error?.code == .cursorUnknown)
            let foreign = EventID(generation: 9, sequence: 1)
            let other = await #expect(throws: AgentEventsError.self) {
                try await runtime.events(user: "u_1", thread: "t_2", from: .after(foreign))
            }
            #expect(other?.code == .cursorDiverged)
            var events = try await runtime.events(user: "u_1", thread: "t_1").makeAsyncIterator()
            #expect(try await events.next()?.sequence == 5)
        }
    }

    /// Whoever reads too slowly is told, and does not take the rest for all.
    @Test func aReaderThatIsOvertakenByATrimIsTold() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            try await emit(1, runtime)
            var events = try await runtime.events(user: "u_1", thread: "t_1").makeAsyncIterator()
            let count = try #require(try await log.thread("t_1")).head.sequence
            for sequence in 1...count { #expect(try await events.next()?.sequence == sequence) }
            try await emit(2, runtime)
            try await log.trim([ThreadTrim(thread: "t_1", firstKept: count + 2)])
            let error = await #expect(throws: AgentEventsError.self) { try await events.next() }
            #expect(error?.code == .cursorTrimmed)
        }
    }

    @Test func aSinkThatIsOvertakenByATrimShowsIt() async throws {
        let log = InMemoryEventLog()
        let sink = GatedSink()
        try await withAgentRuntime(log: log, sinks: [sink]) { runtime in
            try await emit(1, runtime)
            try await wait(for: "the sink to be busy") { sink.isBusy }
            try await emit(3, runtime)
            #expect(runtime.sinkStates[0].missedTrimCount == 0)
            let head = try #require(try await log.thread("t_1")).head.sequence
            try await log.trim([ThreadTrim(thread: "t_1", firstKept: head)])
            sink.open.finish()
            try await runtime.flushSinks()
            #expect(runtime.sinkStates[0].missedTrimCount == 1)
            #expect(sink.last == head)
        }
    }
}

/// Is busy with its first batch until it is opened.
private final class GatedSink: EventSink {
    let name = "gated"
    let gate: AsyncStream<Void>
    let open: AsyncStream<Void>.Continuation
    private let state = Mutex<(isBusy: Bool, last: UInt64)>((false, 0))

    init() { (gate, open) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1)) }

    var isBusy: Bool { state.withLock { $0.isBusy } }
    var last: UInt64 { state.withLock { $0.last } }

    func receive(_ batch: SinkBatch) async throws {
        state.withLock { $0 = (true, batch.events.last?.id.sequence ?? 0) }
        for await _ in gate {}
    }
}

/// Cannot be trimmed until it is repaired.
private final class BrokenTrimLog: TrimmableLog, ForwardingLog, StateStore {
    let log = InMemoryEventLog()
    private let isBroken = Mutex(true)

    func repair() { isBroken.withLock { $0 = false } }
    func breakAgain() { isBroken.withLock { $0 = true } }

    func expired(_ query: RetentionQuery) async throws(EventLogError) -> RetentionStep { try await log.expired(query) }
    func trim(_ trims: [ThreadTrim]) async throws(EventLogError) {
        guard !isBroken.withLock({ $0 }) else { throw EventLogError(.full, "no room to trim") }
        try await log.trim(trims)
    }
}
