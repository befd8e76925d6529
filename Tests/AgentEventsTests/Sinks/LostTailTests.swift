import AgentEventsTestSupport
import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEvents

/// A log that lost its last events, some of which a durable sink has.
struct LostTailTests {
    /// Logs messages, so many in each generation, the threads in turn.
    private static func log(_ counts: [Int], threads: [ThreadID], sink: ScriptedSink? = nil) async throws
        -> InMemoryEventLog
    {
        let log = InMemoryEventLog(generations: .counting)
        var number = 0
        for count in counts {
            let sinks = sink.map { [DurableSink($0, startingFrom: .beginning)] } ?? []
            try await withAgentRuntime(log: log, sinks: sinks) { runtime in
                for _ in 0..<count {
                    let thread = threads[number % threads.count]
                    let context = try await runtime.context(user: "u_1", thread: thread)
                    let message = UserMessage(messageID: "m", userID: "u_1", text: "\(number)")
                    _ = try await context.emit(EventDraft(.userMessage(message)))
                    number += 1
                }
                try await runtime.flush()
            }
            log.close()
        }
        return log
    }

    private static func ids(_ events: some Sequence<StoredEvent>) -> [String] {
        events.map { "\($0.thread) \($0.id)" }
    }

    /// - Parameters:
    ///   - before: what was logged, and given to the sink, in each generation.
    ///   - after: what the log has of it, and what was logged since.
    ///   - common: how many events both have.
    @Test(
        arguments: [
            // The end was lost; nothing, less, as much and more was logged since.
            ([7], [4], 4), ([7], [4, 1], 4), ([7], [4, 3], 4), ([7], [4, 9], 4), ([7], [0, 9], 0), ([7], [6, 1], 6),
            // So were whole generations, and an event in the middle of one.
            ([3, 4, 5], [3, 2, 0, 1, 1, 9], 5), ([3, 4, 5], [3, 4, 0, 9], 7), ([3, 4, 5], [2, 0, 0, 50], 2),
        ], [["t_1"], ["t_1", "t_2"], ["t_1", "t_2", "t_3", "t_4", "t_5", "t_6", "t_7", "t_8"]] as [[ThreadID]])
    func aSinkGoesBackToTheLastCommonEvent(_ story: ([Int], [Int], Int), threads: [ThreadID]) async throws {
        let (before, after, common) = story
        let sink = ScriptedSink()
        let whole = try await Self.log(before, threads: threads, sink: sink)
        _ = try await whole.open()
        let stored = try await whole.load(.sink, thread: nil, name: "scripted")
        #expect(sink.taken.count == before.reduce(0, +))
        // As the same log after the loss.
        let cut = try await Self.log(after, threads: threads)
        _ = try await cut.open()
        try await cut.save([StoredValue(.sink, name: "scripted", bytes: stored)])
        let all = try await cut.read(LogRead(.all(afterOffset: 0))).events
        cut.close()
        #expect(Self.ids(all.prefix(common)) == Self.ids(sink.taken.prefix(common)))
        let (state, taken) = try await Self.goOn(cut)
        #expect(state.divergedCount == 1)
        #expect(Self.ids(taken.dropLast()) == Self.ids(all.dropFirst(common)))
        // Once is enough.
        let (later, takenLater) = try await Self.goOn(cut)
        #expect(later.divergedCount == 0)
        #expect(takenLater.count == 1)
    }

    /// A durable sink on a log that was closed, and one more event in another thread.
    private static func goOn(_ log: InMemoryEventLog) async throws -> (SinkState, [StoredEvent]) {
        let sink = ScriptedSink()
        let state = try await withAgentRuntime(log: log, sinks: [DurableSink(sink)]) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_more")
            _ = try await context.emit(
                EventDraft(.userMessage(UserMessage(messageID: "m", userID: "u_1", text: "more"))))
            try await runtime.flushSinks()
            return runtime.sinkStates[0]
        }
        log.close()
        return (state, sink.taken)
    }

    @Test func whatWasTrimmedWasNotLost() async throws {
        let sink = ScriptedSink()
        let log = try await Self.log([7], threads: ["t_1"], sink: sink)
        _ = try await log.open()
        try await log.trim([ThreadTrim(thread: "t_1", firstKept: 8)])
        log.close()
        let (state, taken) = try await Self.goOn(log)
        #expect(state.divergedCount == 0)
        #expect(taken.count == 1)
    }

    /// What was trimmed cannot be compared; but a generation that is higher than the oldest one kept is of another history.
    @Test(arguments: [(1, 0), (9, 1)] as [(UInt64, UInt64)])
    func aPlaceInAnotherHistoryIsToldAlsoWhenItsEventWasTrimmed(_ generation: UInt64, _ divergedCount: UInt64)
        async throws
    {
        let log = try await Self.log([7], threads: ["t_1"])
        _ = try await log.open()
        let place = SinkOffset(7, last: .init(thread: "t_1", id: EventID(generation: generation, sequence: 5)))
        try await log.save([StoredValue(.sink, name: "scripted", bytes: place.encoded())])
        try await log.trim([ThreadTrim(thread: "t_1", firstKept: 7)])
        log.close()
        #expect(try await Self.goOn(log).0.divergedCount == divergedCount)
    }

    /// No event of an opening was given to a sink before it, even if the place is of a later time: the clock went backwards.
    @Test func whatIsNewIsGivenWhateverThePlaceSays() async throws {
        let log = InMemoryEventLog(generations: .counting)
        _ = try await log.open()
        let place = SinkOffset(7, last: .init(thread: "t_1", id: EventID(generation: 900, sequence: 5)))
        try await log.save([StoredValue(.sink, name: "scripted", bytes: place.encoded())])
        log.close()
        let (state, taken) = try await Self.goOn(log)
        #expect(state.divergedCount == 1 && taken.count == 1)
    }

    /// What is trimmed while the place is looked for does not move it.
    @Test func noEventIsPassedOverWhenSomeAreTrimmedMeanwhile() async throws {
        let log = try await Self.log([5, 0, 3], threads: ["t_1"])
        _ = try await log.open()
        let trimming = TrimmingLog(log, [ThreadTrim(thread: "t_1", firstKept: 3)])
        let opening = LogOpening(generation: 3, threadsWithOpenRuns: [], endOffset: 8)
        let lost = SinkOffset(9, last: .init(thread: "t_1", id: EventID(generation: 2, sequence: 9)))
        let found = try await SinkPlaceCheck(name: "scripted", log: trimming, opening: opening).check(lost)
        let following = try await log.read(LogRead(.all(afterOffset: found.place.offset))).events
        #expect(Self.ids(following) == ["t_1 3-6", "t_1 3-7", "t_1 3-8"])
        #expect(found.isDiverged && found.place.last == .init(thread: "t_1", id: EventID(generation: 1, sequence: 5)))
    }

    @Test func aSinkTellsHowItIsDoing() async throws {
        let sink = ScriptedSink { events in
            if events.count > 1 { throw ScriptedSink.Refusal() }
        }
        var configuration = RuntimeConfiguration()
        configuration.durationClock = LeapingClock()
        // Nobody but the sinks sleeps on it.
        configuration.maximumRunAge = nil
        configuration.sinkRetry.maximumAttempts = 3
        try await withAgentRuntime(log: InMemoryEventLog(), sinks: [sink], configuration: configuration) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let message = EventDraft(.userMessage(UserMessage(messageID: "m", userID: "u_1", text: "x")))
            _ = try await context.emit([message])
            try await runtime.flushSinks()
            let before = runtime.sinkStates[0]
            #expect(before.attemptCount == 1 && before.refusalCount == 0 && before.pendingCommitCount == 0)
            _ = try await context.emit([message, message])
            try await runtime.flushSinks()
            let after = runtime.sinkStates[0]
            #expect(after.attemptCount == 4 && after.refusalCount == 3 && after.receivedCount == 1)
            #expect(after.pendingCommitCount == 1)
        }
    }
}

/// A log that is trimmed when all threads have been read once.
private final class TrimmingLog: ForwardingLog {
    let log: InMemoryEventLog
    private let trims: Mutex<[ThreadTrim]>

    init(_ log: InMemoryEventLog, _ trims: [ThreadTrim]) {
        self.log = log
        self.trims = Mutex(trims)
    }

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        let page = try await log.read(request)
        guard case .all = request.selection else { return page }
        try await log.trim(
            trims.withLock { trims in
                defer { trims = [] }
                return trims
            })
        return page
    }

    func close() { log.close() }
}
