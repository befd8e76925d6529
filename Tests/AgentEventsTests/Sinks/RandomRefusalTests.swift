import AgentEventsFiles
import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEvents

/// Whatever a durable sink refuses, and whenever the process ends: it takes all events, in order, but those that are set
/// aside, and these are the bad ones.
struct RandomRefusalTests {
    /// Refuses bad events always, and others now and then.
    private final class MoodySink: EventSink {
        let name = "moody"
        let isBad: @Sendable (StoredEvent) -> Bool
        private let state: Mutex<(generator: SeededGenerator, taken: [StoredEvent])>

        init(seed: UInt64, isBad: @escaping @Sendable (StoredEvent) -> Bool) {
            self.isBad = isBad
            state = Mutex((SeededGenerator(seed: seed), []))
        }

        var taken: [StoredEvent] { state.withLock { $0.taken } }

        func receive(_ batch: SinkBatch) async throws {
            let isBad = batch.events.contains(where: isBad)
            try state.withLock { state in
                if isBad {
                    let advice = state.generator.below(2) == 0 ? SinkRetryAdvice.never : .asUsual
                    throw ScriptedSink.Refusal(advice: advice)
                }
                switch state.generator.below(8) {
                case 0: throw ScriptedSink.Refusal()
                case 1: throw ScriptedSink.Refusal(advice: .after(.seconds(1)))
                default: state.taken += batch.events
                }
            }
        }
    }

    @Test(arguments: 1...40)
    func everythingIsTakenInOrderOrSetAside(seed: UInt64) async throws {
        try await withTemporaryFolder { folder in
            var generator = SeededGenerator(seed: seed)
            let log = InMemoryEventLog()
            let divisor = UInt64(3 + generator.below(20))
            let sink = MoodySink(seed: seed &* 31) { $0.id.sequence % divisor == 2 }
            let path = folder + "/refused.ndjson"
            for _ in 0..<4 {
                try await runOnce(on: log, sink, deadLetters: path, &generator)
                log.close()
            }
            // A last time, in peace: what is left is taken.
            try await runOnce(on: log, sink, deadLetters: path, &generator, isLast: true)

            let all = try await log.read(LogRead(.all(afterOffset: 0), maximumCount: .max, maximumByteCount: .max))
                .events
            #expect(sink.taken.allSatisfy { !sink.isBad($0) }, "seed \(seed)")
            // Each event at its first coming: nothing is missing, and none comes before an earlier one.
            var seen: Set<StoredEvent> = []
            let firsts = sink.taken.filter { seen.insert($0).inserted }
            #expect(firsts == all.filter { !sink.isBad($0) }, "seed \(seed)")
            var aside: Set<String> = []
            for line in try lines(of: path) {
                let letter = try JSONValue(parsing: Array(line.utf8))
                let id = try #require(letter["event"]?["id"]?.stringValue)
                let thread = try #require(letter["event"]?["thread_id"]?.stringValue)
                aside.insert("\(thread) \(id)")
            }
            #expect(aside == Set(all.filter(sink.isBad).map { "\($0.thread) \($0.id)" }), "seed \(seed)")
        }
    }

    private func runOnce(
        on log: InMemoryEventLog,
        _ sink: MoodySink,
        deadLetters: String,
        _ generator: inout SeededGenerator,
        isLast: Bool = false
    ) async throws {
        var configuration = RuntimeConfiguration()
        configuration.durationClock = LeapingClock()
        // Nobody but the sinks sleeps on it.
        configuration.maximumRunAge = nil
        var durable = DurableSink(sink, startingFrom: .beginning, deadLetters: DeadLetterFile(path: deadLetters))
        // So many that good events are not refused for good by chance.
        durable.retry.maximumAttempts = 12
        durable.savedEventCount = 1 + generator.below(30)
        durable.savedInterval = .seconds(1000)
        let crashing = CrashingLog(log)
        let counts = (0..<6).map { _ in generator.below(20) }
        let crashesAt = isLast ? -1 : generator.below(8)
        let flushes = generator.below(2) == 0
        try await withAgentRuntime(log: crashing, sinks: [durable], configuration: configuration) { runtime in
            for (index, count) in counts.enumerated() {
                if index == crashesAt { crashing.crash() }
                let thread = ThreadID(stringLiteral: "t_\(index % 2)")
                try await runtime.withRun(user: "u_1", thread: thread, agent: "guide") { run in
                    for number in 0..<count { try await run.think("\(number)") }
                }
                if flushes || isLast { try await runtime.flushSinks() }
            }
        }
    }
}
