import AgentEventsFiles
import AgentEventsTestSupport
import AgentEventsTesting
import Foundation
import Synchronization
import Testing

@testable import AgentEvents

/// Durable sinks go on where they were, pass nothing over in silence, and say what is wrong.
struct DurableSinkTests {
    private var quick: RuntimeConfiguration {
        var configuration = RuntimeConfiguration()
        configuration.durationClock = LeapingClock()
        // Nobody but the sinks sleeps on it.
        configuration.maximumRunAge = nil
        return configuration
    }

    private func quick(_ clock: LeapingClock) -> RuntimeConfiguration {
        var configuration = RuntimeConfiguration()
        configuration.durationClock = clock
        // Nobody but the sinks sleeps on it.
        configuration.maximumRunAge = nil
        return configuration
    }

    private func emit(_ count: Int, to thread: ThreadID = "t_1", _ runtime: AgentRuntime) async throws {
        try await runtime.withRun(user: "u_1", thread: thread, agent: "guide") { run in
            for number in 0..<count { try await run.think("\(number)") }
        }
    }

    private func allEvents(in log: some EventLog) async throws -> [StoredEvent] {
        try await log.read(LogRead(.all(afterOffset: 0), maximumCount: .max, maximumByteCount: .max)).events
    }

    private func expectFailure(_ code: SinkError.Code, _ state: SinkState) {
        guard case .failed(let error) = state.condition else {
            Issue.record("the sink has failed")
            return
        }
        #expect((error as? SinkError)?.code == code)
    }

    @Test func aRestartGoesOnWhereTheSinkWas() async throws {
        let log = InMemoryEventLog()
        let sink = ScriptedSink()
        let other = ScriptedSink(name: "other")
        for round in 1...4 {
            let sinks: [any EventSink] = round == 1 ? [] : [DurableSink(sink), other]
            try await withAgentRuntime(log: log, sinks: sinks, configuration: quick) { runtime in
                try await emit(round, runtime)
            }
            log.close()
            // Committed while the durable sink is away.
            try await withAgentRuntime(log: log) { try await emit(1, $0) }
            log.close()
        }
        // From its first start on; a sink that is not durable has gaps.
        let all = try await allEvents(in: log)
        let expected = all.dropFirst(3 + 3).dropLast(3)
        #expect(sink.taken == Array(expected))
        #expect(other.taken.count == 4 + 5 + 6)
    }

    @Test func aSinkMayStartAtTheBeginning() async throws {
        let log = InMemoryEventLog()
        let sink = ScriptedSink()
        try await withAgentRuntime(log: log) { try await emit(5, $0) }
        log.close()
        for _ in 0..<2 {
            let durable = DurableSink(sink, startingFrom: .beginning)
            try await withAgentRuntime(log: log, sinks: [durable], configuration: quick) { try await emit(5, $0) }
            log.close()
        }
        #expect(sink.taken == (try await allEvents(in: log)))
    }

    @Test func afterACrashEventsComeAgainFromTheSavedOffsetOn() async throws {
        let log = InMemoryEventLog()
        let crashing = CrashingLog(log)
        let sink = ScriptedSink()
        try await withAgentRuntime(log: crashing, sinks: [DurableSink(sink)], configuration: quick) { runtime in
            try await emit(5, runtime)
            try await runtime.flushSinks()
            crashing.crash()
            try await emit(5, to: "t_2", runtime)
        }
        log.close()
        let before = sink.taken
        #expect(before.count == 14)
        try await withAgentRuntime(log: log, sinks: [DurableSink(sink)], configuration: quick) { _ in }
        let again = sink.taken.dropFirst(14)
        #expect(!again.isEmpty)
        #expect(Array(again) == before.suffix(again.count))
        #expect(again.count <= 14)
    }

    @Test func theOffsetIsSavedSoonAlsoWhenNothingMoreComes() async throws {
        let log = InMemoryEventLog()
        let saved = AsyncStream.makeStream(of: SinkOffset.self, bufferingPolicy: .bufferingNewest(1))
        let watched = CrashingLog(log) { values in
            let offsets = values.compactMap { try? SinkOffset(decoding: $0.bytes ?? [], name: $0.name) }
            for offset in offsets { saved.continuation.yield(offset) }
        }
        let durable = DurableSink(ScriptedSink())
        try await withAgentRuntime(log: watched, sinks: [durable], configuration: quick) { runtime in
            try await emit(5, runtime)
            for await offset in saved.stream where offset.offset == 7 { break }
        }
    }

    @Test func aBadEventIsSetAsideAndTheOthersGetThrough() async throws {
        try await withTemporaryFolder { folder in
            let log = InMemoryEventLog()
            let clock = LeapingClock()
            let sink = ScriptedSink { events in
                if events.contains(where: { $0.id.sequence == 4 }) { throw ScriptedSink.Refusal() }
            }
            let time = ManualClock()
            var configuration = quick(clock)
            configuration.clock = time.wallClock
            let path = folder + "/refused.ndjson"
            var durable = DurableSink(sink, deadLetters: DeadLetterFile(path: path))
            durable.retry.maximumAttempts = 3
            durable.retry.minimumRefusalTime = .seconds(3600)
            durable.retry.jitter = { 1 }
            try await withAgentRuntime(log: log, sinks: [durable], configuration: configuration) { runtime in
                let context = try await runtime.context(user: "u_1", thread: "t_1")
                var drafts = [EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted()))]
                for number in 0..<7 {
                    drafts.append(
                        EventDraft(runID: "r_1", .agentThinking(AgentThinking(thoughtID: "th_1", text: "\(number)"))))
                }
                _ = try await context.emit(drafts)
                try await runtime.flushSinks()
                #expect(runtime.sinkStates[0].setAsideCount == 1)
                #expect(runtime.sinkStates[0].receivedCount == 7)
                guard case .working = runtime.sinkStates[0].condition else {
                    Issue.record("it works again")
                    return
                }
            }
            // The third one twice: that it is taken again shows that the sink takes something.
            #expect(sink.taken.map(\.id.sequence) == [1, 2, 3, 3, 5, 6, 7, 8])
            #expect(clock.sleeps.reduce(.zero, +) > .seconds(3600))
            let events = try await allEvents(in: log)
            let text = String(decoding: events[3].bytes, as: UTF8.self)
            #expect(
                try lines(of: path) == [
                    "{\"sink\":\"scripted\",\"error\":\"Refusal(advice: AgentEvents.SinkRetryAdvice.asUsual)\","
                        + "\"attempts\":19,\"time\":\"2026-11-21T02:00:00.000Z\",\"event\":\(text)}"
                ])
        }
    }

    /// The first event that a sink is given ever is the bad one: that the sink takes events shows one of another thread,
    /// which comes again in its turn. Without dead letters, it is passed over where that is asked for.
    @Test(arguments: [true, false])
    func aBadEventThatIsTheFirstIsSetAside(isKept: Bool) async throws {
        try await withTemporaryFolder { folder in
            let log = InMemoryEventLog()
            let calls = Mutex(0)
            let sink = ScriptedSink { events in
                let count = calls.withLock { count in
                    count += 1
                    return count
                }
                // Taken in the end, so that a sink which sets nothing aside is a failure, and not a test without an end.
                if count < 1000, events.contains(where: { $0.thread == "t_1" && $0.id.sequence == 1 }) {
                    throw ScriptedSink.Refusal()
                }
            }
            let path = folder + "/refused.ndjson"
            var durable = DurableSink(
                sink, startingFrom: .beginning, deadLetters: isKept ? DeadLetterFile(path: path) : nil)
            durable.passesOverRefused = !isKept
            durable.retry.maximumAttempts = 3
            durable.retry.minimumRefusalTime = .seconds(3600)
            // Before the sink is there.
            try await withAgentRuntime(log: log) { runtime in
                try await emit(1, runtime)
                try await emit(1, to: "t_2", runtime)
            }
            log.close()
            try await withAgentRuntime(log: log, sinks: [durable], configuration: quick(LeapingClock())) { runtime in
                try await emit(1, to: "t_last", runtime)
                try await runtime.flushSinks()
                #expect(runtime.sinkStates[0].setAsideCount == 1)
            }
            let all = try await allEvents(in: log)
            let other = try #require(all.first { $0.thread == "t_2" })
            #expect(sink.taken.map(\.id) == [other.id] + all.dropFirst().map(\.id))
            #expect(FileManager.default.fileExists(atPath: path) == isKept)
        }
    }

    /// No event of another thread is taken either: the sink is out of order, and no event is to blame.
    @Test func anOutageFromTheStartSetsNothingAsideWithOtherThreadsThere() async throws {
        try await withTemporaryFolder { folder in
            let log = InMemoryEventLog()
            let refusals = Mutex(300)
            let sink = ScriptedSink { _ in
                let refuses = refusals.withLock { left in
                    left -= 1
                    return left >= 0
                }
                if refuses { throw ScriptedSink.Refusal() }
            }
            let path = folder + "/refused.ndjson"
            let durable = DurableSink(sink, startingFrom: .beginning, deadLetters: DeadLetterFile(path: path))
            try await withAgentRuntime(log: log) { runtime in
                for number in 1...6 { try await emit(1, to: ThreadID("t_\(number)"), runtime) }
            }
            log.close()
            try await withAgentRuntime(log: log, sinks: [durable], configuration: quick(LeapingClock())) { runtime in
                try await emit(1, to: "t_last", runtime)
                try await runtime.flushSinks()
                #expect(runtime.sinkStates[0].setAsideCount == 0)
            }
            #expect(Set(sink.taken) == Set(try await allEvents(in: log)))
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    /// A receiver that is being deployed refuses everything alike: for days, and no event is to blame.
    @Test(arguments: [true, false])
    func anOutageSetsNothingAsideHoweverLongItLasts(hasTakenSomething: Bool) async throws {
        try await withTemporaryFolder { folder in
            let log = InMemoryEventLog()
            let clock = LeapingClock()
            let refusals = Mutex(hasTakenSomething ? -1 : 200)
            let sink = ScriptedSink { _ in
                if refusals.withLock({ $0 > 0 }) {
                    refusals.withLock { $0 -= 1 }
                    throw ScriptedSink.Refusal()
                }
            }
            let path = folder + "/refused.ndjson"
            let durable = DurableSink(sink, deadLetters: DeadLetterFile(path: path))
            try await withAgentRuntime(log: log, sinks: [durable], configuration: quick(clock)) { runtime in
                if hasTakenSomething {
                    try await emit(1, runtime)
                    try await runtime.flushSinks()
                    refusals.withLock { $0 = 200 }
                }
                try await emit(5, runtime)
                try await runtime.flushSinks()
                #expect(runtime.sinkStates[0].setAsideCount == 0)
                #expect(runtime.sinkStates[0].refusedSince == nil)
            }
            // Its first taking may have been that of the last event once more.
            var seen: Set<StoredEvent> = []
            let firsts = sink.taken.filter { seen.insert($0).inserted }
            #expect(firsts == (try await allEvents(in: log)))
            #expect(sink.taken.count <= firsts.count + 1)
            #expect(!FileManager.default.fileExists(atPath: path))
            let longest = clock.sleeps.max() ?? .zero
            #expect(longest <= .seconds(3600))
            #expect(clock.sleeps.reduce(.zero, +) > .seconds(86_400))
        }
    }

    /// A file that cannot be written is no fault of an event.
    @Test func aFullOrMissingPlaceSetsNothingAside() async throws {
        try await withTemporaryFolder { folder in
            let log = InMemoryEventLog()
            let observer = NoticeRecord { notice in
                // The folder appears when the sink has been refused for long.
                guard case .refused(let failures, _, _) = notice.kind, failures == 100 else { return }
                try? FileManager.default.createDirectory(
                    atPath: folder + "/later", withIntermediateDirectories: false)
            }
            let file = FileSink(path: folder + "/later/events.ndjson")
            let durable = DurableSink(file, deadLetters: DeadLetterFile(path: folder + "/refused.ndjson"))
            let runtime = AgentRuntime(log: log, sinks: [durable], configuration: quick)
            runtime.observeSinks(observer)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runtime.run() }
                try await emit(5, runtime)
                try await runtime.flushSinks()
                runtime.shutdown()
                try await group.waitForAll()
            }
            let events = try await allEvents(in: log)
            #expect(
                try lines(of: folder + "/later/events.ndjson")
                    == events.map { String(decoding: $0.bytes, as: UTF8.self) })
            #expect(!FileManager.default.fileExists(atPath: folder + "/refused.ndjson"))
            #expect(observer.kinds.prefix(2) == ["refused 1", "refused 2"])
            #expect(observer.kinds.last == "recovered 100")
        }
    }

    @Test func aSinkThatAsksForNothingMoreIsStoppedAndContinuesAfterARestart() async throws {
        try await withTemporaryFolder { folder in
            let log = InMemoryEventLog()
            let isGone = Mutex(true)
            let sink = ScriptedSink { _ in
                if isGone.withLock({ $0 }) { throw ScriptedSink.Refusal(advice: .stop) }
            }
            let deadLetters = DeadLetterFile(path: folder + "/refused.ndjson")
            let durable = DurableSink(sink, deadLetters: deadLetters)
            try await withAgentRuntime(log: log, sinks: [durable], configuration: quick) { runtime in
                try await emit(5, runtime)
                try await runtime.flushSinks()
                try await emit(5, runtime)
                try await runtime.flushSinks()
                guard case .stopped(let error) = runtime.sinkStates[0].condition else {
                    Issue.record("it is stopped")
                    return
                }
                #expect(error as? ScriptedSink.Refusal == ScriptedSink.Refusal(advice: .stop))
                #expect(runtime.sinkStates[0].pendingCommitCount > 0)
            }
            #expect(sink.batchSizes.count == 1)
            log.close()
            isGone.withLock { $0 = false }
            try await withAgentRuntime(log: log, sinks: [durable], configuration: quick) { _ in }
            #expect(sink.taken == (try await allEvents(in: log)))
            #expect(!FileManager.default.fileExists(atPath: deadLetters.path))
        }
    }

    /// With real clocks: an hour's pause ends with the runtime, and the next start continues with the same event.
    @Test(.timeLimit(.minutes(10))) func aStopDoesNotWaitForAPause() async throws {
        let log = InMemoryEventLog()
        let isDown = Mutex(false)
        let sink = ScriptedSink { _ in
            if isDown.withLock({ $0 }) { throw ScriptedSink.Refusal(advice: .after(.seconds(3600))) }
        }
        let paused = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let observer = NoticeRecord { notice in
            if case .refused(_, _, .seconds(3600)?) = notice.kind { paused.continuation.yield() }
        }
        let runtime = AgentRuntime(log: log, sinks: [DurableSink(sink)])
        runtime.observeSinks(observer)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runtime.run() }
            try await emit(5, runtime)
            try await runtime.flushSinks()
            isDown.withLock { $0 = true }
            try await emit(5, runtime)
            for await _ in paused.stream { break }
            runtime.shutdown()
            try await group.waitForAll()
        }
        let before = sink.taken
        #expect(before.count == 7)
        log.close()
        isDown.withLock { $0 = false }
        try await withAgentRuntime(log: log, sinks: [DurableSink(sink)]) { _ in }
        // Nothing twice: what was taken was saved before the pause.
        #expect(sink.taken == (try await allEvents(in: log)))
    }

    @Test func whatIsRefusedForGoodStopsASinkWithoutDeadLettersAndComesAgainAfterARestart() async throws {
        let log = InMemoryEventLog()
        let isBroken = Mutex(true)
        let sink = ScriptedSink { _ in
            if isBroken.withLock({ $0 }) { throw ScriptedSink.Refusal(advice: .never) }
        }
        try await withAgentRuntime(log: log, sinks: [DurableSink(sink)], configuration: quick) { runtime in
            try await emit(5, runtime)
            try await runtime.flushSinks()
            guard case .failed(let error) = runtime.sinkStates[0].condition else {
                Issue.record("it has failed")
                return
            }
            #expect(error as? ScriptedSink.Refusal == ScriptedSink.Refusal(advice: .never))
        }
        #expect(sink.batchSizes.count == 1)
        log.close()
        isBroken.withLock { $0 = false }
        try await withAgentRuntime(log: log, sinks: [DurableSink(sink)], configuration: quick) { _ in }
        #expect(sink.taken == (try await allEvents(in: log)))
    }

    @Test func deadLettersThatCannotBeWrittenStopTheSink() async throws {
        let log = InMemoryEventLog()
        let sink = ScriptedSink { _ in throw ScriptedSink.Refusal(advice: .never) }
        let durable = DurableSink(sink, deadLetters: DeadLetterFile(path: "/nowhere/refused.ndjson"))
        try await withAgentRuntime(log: log, sinks: [durable], configuration: quick) { runtime in
            try await emit(5, runtime)
            try await runtime.flushSinks()
            expectFailure(.setAsideFailed, runtime.sinkStates[0])
        }
        #expect(try await log.load(.sink, thread: nil, name: "scripted") == SinkOffset(0).encoded())
    }

    @Test func aSinkThatAsksForTimeGetsIt() async throws {
        let clock = LeapingClock()
        let refusals = Mutex(50)
        let sink = ScriptedSink { _ in
            let isRefused = refusals.withLock { refusals in
                refusals -= 1
                return refusals >= 0
            }
            if isRefused { throw ScriptedSink.Refusal(advice: .after(.seconds(7))) }
        }
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log, sinks: [sink], configuration: quick(clock)) { runtime in
            try await emit(1, runtime)
            try await runtime.flushSinks()
        }
        #expect(clock.sleeps == Array(repeating: .seconds(7), count: 50))
        #expect(sink.taken.count == 3)
    }

    @Test func aLogWithoutValuesIsRefusedAtTheStart() async throws {
        let error = await #expect(throws: AgentEventsError.self) {
            try await withAgentRuntime(log: BareLog(), sinks: [DurableSink(ScriptedSink())]) { runtime in
                _ = try await runtime.context(user: "u_1", thread: "t_1")
            }
        }
        #expect(error?.code == .sink(.storeMissing))
    }

    @Test func twoSinksDoNotShareAnOffset() async throws {
        let sinks = [DurableSink(ScriptedSink()), DurableSink(ScriptedSink())]
        let error = await #expect(throws: AgentEventsError.self) {
            try await withAgentRuntime(log: InMemoryEventLog(), sinks: sinks) { runtime in
                _ = try await runtime.context(user: "u_1", thread: "t_1")
            }
        }
        #expect(error?.code == .sink(.offsetNameInUse))
    }

    @Test(arguments: [
        ("", SinkError.Code.offsetUnreadable), ("7", .offsetUnreadable), ("{\"offset\":1}", .offsetUnreadable),
        ("{\"version\":2,\"offset\":1}", .offsetUnreadable), ("{\"version\":1,\"offset\":-1}", .offsetUnreadable),
        ("{\"version\":1,\"offset\":1,\"last\":{\"thread_id\":\"t_1\",\"id\":\"7\"}}", .offsetUnreadable),
        ("{\"version\":1,\"offset\":1.0}", .offsetUnreadable), ("{\"version\":1,\"offset\":8}", .offsetUnknown),
    ])
    func anOffsetThatCannotBeUsedStopsTheSinkAndStays(text: String, code: SinkError.Code) async throws {
        let log = InMemoryEventLog()
        let sink = ScriptedSink()
        try await withAgentRuntime(log: log) { runtime in
            try await emit(5, runtime)
            try await log.save([StoredValue(.sink, name: "scripted", bytes: Array(text.utf8))])
        }
        log.close()
        let healthy = InMemorySink()
        let sinks: [any EventSink] = [DurableSink(sink), healthy]
        try await withAgentRuntime(log: log, sinks: sinks, configuration: quick) { runtime in
            try await emit(5, runtime)
            try await runtime.flushSinks()
            expectFailure(code, runtime.sinkStates[0])
        }
        #expect(sink.batchSizes.isEmpty)
        #expect(healthy.events.count == 7)
        #expect(try await log.load(.sink, thread: nil, name: "scripted") == Array(text.utf8))
    }

    @Test func offsetsSurviveARoundTrip() throws {
        for offset in [0, 1, 42, UInt64(Int64.max), .max] {
            #expect(try SinkOffset(decoding: SinkOffset(offset).encoded(), name: "a").offset == offset)
            let place = SinkOffset(offset, last: .init(thread: "t_1", id: EventID(generation: 3, sequence: 42)))
            #expect(try SinkOffset(decoding: place.encoded(), name: "a") == place)
        }
        #expect(SinkOffset(42).encoded() == Array("{\"version\":1,\"offset\":42}".utf8))
    }
}
