import AgentEventsFiles
import AgentEventsTesting
import Foundation
import Synchronization
import Testing

@testable import AgentEvents

/// Deleted threads in sinks: each is told, in its turn, once, also after a restart; and what it has is gone where it can be.
@Suite(.timeLimit(.minutes(5))) struct DeletedThreadTests {
    /// Notes what it is given, in the order in which it comes.
    private final class Witness: DeletionSink {
        struct Refusal: Error {}

        let name: String
        let erasure: SinkErasure
        private let state = Mutex<(notes: [String], refusals: Int)>(([], 0))
        private let refusesEvents: @Sendable ([StoredEvent]) -> Bool

        /// - Parameters:
        ///   - refusals: how often it refuses the record of a deletion.
        ///   - refusesEvents: whether it refuses a batch.
        init(
            name: String = "witness",
            erasure: SinkErasure = .complete,
            refusals: Int = 0,
            refusesEvents: @escaping @Sendable ([StoredEvent]) -> Bool = { _ in false }
        ) {
            self.name = name
            self.erasure = erasure
            self.refusesEvents = refusesEvents
            state.withLock { $0.refusals = refusals }
        }

        var notes: [String] { state.withLock { $0.notes } }

        func receive(_ batch: SinkBatch) async throws {
            if refusesEvents(batch.events) { throw Refusal() }
            state.withLock { $0.notes += batch.events.map { "\($0.thread) \($0.id.sequence)" } }
        }

        func receive(_ deletion: ThreadDeletedRecord) async throws {
            try state.withLock { state in
                guard state.refusals == 0 else {
                    state.refusals -= 1
                    throw Refusal()
                }
                state.notes.append("\(deletion.thread) deleted")
            }
        }
    }

    private static var quick: RuntimeConfiguration {
        var configuration = RuntimeConfiguration()
        configuration.durationClock = LeapingClock()
        configuration.maximumRunAge = nil
        return configuration
    }

    private static func emit(_ count: Int, to thread: ThreadID, _ runtime: AgentRuntime) async throws {
        try await runtime.withRun(user: "u_1", thread: thread, agent: "guide") { run in
            for number in 0..<count { try await run.think("CANARY \(number)") }
        }
    }

    @Test(arguments: [true, false])
    func theRecordComesAfterTheEventsAndBeforeWhatFollows(isDurable: Bool) async throws {
        let log = InMemoryEventLog()
        let witness = Witness(refusals: 2)
        let sinks: [any EventSink] = isDurable ? [DurableSink(witness)] : [witness]
        try await withAgentRuntime(log: log, sinks: sinks, configuration: Self.quick) { runtime in
            try await Self.emit(1, to: "t_1", runtime)
            try await Self.emit(1, to: "t_2", runtime)
            try await runtime.flushSinks()
            try await runtime.deleteThread("t_1", user: "u_1")
            try await runtime.deleteThread("t_1", user: "u_1")
            try await Self.emit(0, to: "t_2", runtime)
            try await runtime.flushSinks()
            #expect(runtime.sinkLeftovers(of: "t_1") == [])
        }
        #expect(
            witness.notes == [
                "t_1 1", "t_1 2", "t_1 3", "t_2 1", "t_2 2", "t_2 3", "t_1 deleted", "t_2 4", "t_2 5",
            ])
        #expect(try await log.loadAll(.deletion, thread: nil) == [])
    }

    /// A sink that refused it until the process ended is told by the next one, and then not again.
    @Test func aRestartTellsDurableSinksAndOnlyOnce() async throws {
        let log = InMemoryEventLog()
        for round in 0..<4 {
            let witness = Witness(refusals: round == 0 ? .max : 0)
            // In the second round it is not there.
            let sinks: [any EventSink] = round == 1 ? [] : [DurableSink(witness)]
            try await withAgentRuntime(log: log, sinks: sinks, configuration: Self.quick) { runtime in
                if round == 0 {
                    try await Self.emit(0, to: "t_1", runtime)
                    try await runtime.flushSinks()
                    try await runtime.deleteThread("t_1", user: "u_1")
                    #expect(runtime.sinkLeftovers(of: "t_1").map(\.reason) == [.waiting])
                } else if round == 1 {
                    try await runtime.waitForStart()
                    #expect(runtime.sinkLeftovers(of: "t_1").map(\.reason) == [.absent])
                    #expect(runtime.sinkLeftovers(of: "t_1").map(\.sink) == ["witness"])
                }
                if round > 0 {
                    try await Self.emit(0, to: "t_2", runtime)
                    try await runtime.flushSinks()
                }
            }
            log.close()
            let expected = [
                ["t_1 1", "t_1 2"], [], ["t_1 deleted", "t_2 1", "t_2 2", "t_2 3", "t_2 4"], ["t_2 5", "t_2 6"],
            ]
            #expect(witness.notes == expected[round], "round \(round)")
        }
        #expect(try await log.loadAll(.deletion, thread: nil) == [])
    }

    /// The process ended after it was stored that sinks are to be told, and before the thread was deleted: it is there.
    @Test func whatWasNotDeletedIsNotTold() async throws {
        let log = InMemoryEventLog()
        let witness = Witness()
        try await withAgentRuntime(log: log, sinks: [DurableSink(witness)], configuration: Self.quick) { runtime in
            try await Self.emit(0, to: "t_1", runtime)
            let recipient = SinkDeletions.Recipient(name: "witness", isDurable: true)
            let deletions = SinkDeletions([recipient], log: log)
            try await deletions.prepare(ThreadDeletedRecord(thread: "t_1", deletedAt: Timestamp(milliseconds: 5)))
            #expect(try await log.loadAll(.deletion, thread: nil).count == 1)
        }
        log.close()
        try await withAgentRuntime(log: log, sinks: [DurableSink(witness)], configuration: Self.quick) { runtime in
            try await runtime.waitForStart()
            try await runtime.flushSinks()
            #expect(try await log.loadAll(.deletion, thread: nil) == [])
        }
        #expect(witness.notes == ["t_1 1", "t_1 2"])
    }

    /// A sink that refuses a batch is not given the events of a thread that was deleted meanwhile.
    @Test func whatIsGivenAgainHasNoDeletedEvents() async throws {
        let log = InMemoryEventLog()
        let isDeleted = Mutex(false)
        let (refusals, told) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        let given = Mutex(0)
        let witness = Witness { events in
            told.yield()
            guard isDeleted.withLock({ $0 }) else { return true }
            // One batch may have been on its way.
            if events.contains(where: { $0.thread == "t_1" }) { given.withLock { $0 += 1 } }
            return events.contains { $0.thread == "t_1" }
        }
        try await withAgentRuntime(log: log, sinks: [DurableSink(witness)], configuration: Self.quick) { runtime in
            try await Self.emit(3, to: "t_1", runtime)
            for await _ in refusals { break }
            try await runtime.deleteThread("t_1", user: "u_1")
            isDeleted.withLock { $0 = true }
            try await Self.emit(0, to: "t_2", runtime)
            try await runtime.flushSinks()
        }
        #expect(witness.notes == ["t_1 deleted", "t_2 1", "t_2 2"])
        #expect(given.withLock { $0 } <= 1)
    }

    /// The last event that the sink took is of the deleted thread: nothing was lost, and it misses nothing.
    @Test func aPlaceInADeletedThreadIsAPlace() async throws {
        let log = InMemoryEventLog()
        let sink = ScriptedSink()
        try await withAgentRuntime(log: log, sinks: [DurableSink(sink)], configuration: Self.quick) {
            try await Self.emit(0, to: "t_1", $0)
        }
        log.close()
        try await withAgentRuntime(log: log, configuration: Self.quick) { runtime in
            try await Self.emit(0, to: "t_2", runtime)
            try await runtime.deleteThread("t_1", user: "u_1")
        }
        log.close()
        try await withAgentRuntime(log: log, sinks: [DurableSink(sink)], configuration: Self.quick) { runtime in
            try await runtime.flushSinks()
            #expect(runtime.sinkStates[0].divergedCount == 0)
        }
        #expect(sink.taken.map { "\($0.thread) \($0.id.sequence)" } == ["t_1 1", "t_1 2", "t_2 1", "t_2 2"])
    }

    @Test func theReportNamesWhatIsLeft() async throws {
        struct Letters: DeadLetterStore {
            func append(_ letter: DeadLetter) async throws {}
        }
        let sinks: [any EventSink] = [
            DurableSink(Witness(name: "erases")), Witness(name: "sends", erasure: .passedOn),
            LogSink(name: "stdout") { _ in }, ScriptedSink(name: "old"),
            DurableSink(ScriptedSink(name: "letters"), deadLetters: Letters()), InMemorySink(),
        ]
        try await withAgentRuntime(log: InMemoryEventLog(), sinks: sinks, configuration: Self.quick) { runtime in
            try await Self.emit(0, to: "t_1", runtime)
            try await runtime.deleteThread("t_1", user: "u_1")
            try await runtime.flushSinks()
            let left = runtime.sinkLeftovers(of: "t_1").map { "\($0.sink) \($0.reason)" }
            #expect(
                left == [
                    "sends passedOn", "stdout cannotErase", "old knowsNothing", "letters knowsNothing",
                    "letters deadLetters",
                ])
        }
    }

    @Test func sinksInMemoryAndForPeopleAreTold() async throws {
        let memory = InMemorySink()
        let lines = Mutex<[String]>([])
        let people = LogSink { line in lines.withLock { $0.append(line) } }
        try await withAgentRuntime(log: InMemoryEventLog(), sinks: [memory, people], configuration: Self.quick) {
            runtime in
            try await Self.emit(1, to: "t_1", runtime)
            try await Self.emit(1, to: "t_2", runtime)
            try await runtime.deleteThread("t_1", user: "u_1")
            try await runtime.flushSinks()
            #expect(Set(memory.events.map(\.threadID)) == ["t_2"])
        }
        #expect(lines.withLock { $0.last }?.hasSuffix(" t_1 thread_deleted") == true)
    }

    @Test func theRecordIsOneObject() throws {
        var record = ThreadDeletedRecord(thread: "t_1", deletedAt: Timestamp(milliseconds: 0))
        #expect(
            String(decoding: record.encoded(), as: UTF8.self)
                == #"{"type":"thread_deleted","thread_id":"t_1","time":"1970-01-01T00:00:00.000Z"}"#)
        record.tenant = "acme"
        #expect(try JSONValue(parsing: record.encoded())["tenant"] == "acme")
    }

    // MARK: Files

    /// All files of the sink, also those that were moved, and the dead letters of whatever sink.
    @Test func filesHaveNothingOfTheThread() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/events.ndjson"
            let letters = folder + "/refused.ndjson"
            let picky = ScriptedSink(name: "picky") { events in
                if events.contains(where: { $0.id.sequence == 2 }) { throw ScriptedSink.Refusal(advice: .never) }
            }
            let sinks: [any EventSink] = [
                DurableSink(FileSink(path: path, maximumFileByteCount: 2000, keptFileCount: 20)),
                DurableSink(picky, deadLetters: DeadLetterFile(path: letters)),
            ]
            func lines(with text: String) throws -> Int {
                var count = 0
                for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                    let content = FileManager.default.contents(atPath: folder + "/" + name) ?? Data()
                    let lines = String(decoding: content, as: UTF8.self).components(separatedBy: "\n")
                    count += lines.count { $0.contains(text) }
                }
                return count
            }
            try await withAgentRuntime(log: InMemoryEventLog(), sinks: sinks, configuration: Self.quick) { runtime in
                for _ in 0..<4 {
                    try await Self.emit(4, to: "t_1", runtime)
                    try await Self.emit(4, to: "t_10", runtime)
                }
                try await runtime.flushSinks()
                let kept = try lines(with: #""thread_id":"t_10""#)
                #expect(try lines(with: #""thread_id":"t_1""#) > 20)
                #expect(FileManager.default.fileExists(atPath: path + ".3"))
                try await runtime.deleteThread("t_1", user: "u_1")
                try await runtime.flushSinks()
                #expect(try lines(with: #""t_1""#) == 0)
                #expect(try lines(with: #""thread_id":"t_10""#) == kept)
                #expect(runtime.sinkLeftovers(of: "t_1").map(\.sink) == ["picky"])
                try await Self.emit(1, to: "t_10", runtime)
                try await runtime.flushSinks()
                #expect(try lines(with: #""thread_id":"t_10""#) == kept + 3)
            }
        }
    }

    /// A line that a crash left half erased is found again, whatever part of it is gone; others stay as they are.
    @Test(arguments: [0, 30, 45, 53, 54, 100])
    func anErasureThatACrashCutIsFinished(cut: Int) async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/events.ndjson"
            let line = #"{"type":"custom","id":"1-2","seq":2,"thread_id":"t_1","data":{"name":"CANARY","value":0}}"#
            let other = #"{"type":"custom","id":"1-2","seq":2,"thread_id":"t_2","data":{"thread_id":"t_1"}}"#
            // As the first step leaves it, and the second one in its middle.
            let mark = #""thread_id":"t_1""#
            let end = try #require(line.range(of: mark)).upperBound
            let front = line[..<end]
            let blanked = String(repeating: " ", count: min(cut, front.count)) + front.dropFirst(min(cut, front.count))
            let half = cut == 100 ? line : blanked + String(repeating: " ", count: line.count - front.count)
            let text = [other, half, line, other].map { $0 + "\n" }.joined()
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            let record = ThreadDeletedRecord(thread: "t_1", deletedAt: Timestamp(milliseconds: 5))
            try await FileSink(path: path).receive(record)
            let blank = String(repeating: " ", count: line.count)
            let found = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
            #expect(found == [other, blank, blank, other].map { $0 + "\n" }.joined())
        }
    }
}
