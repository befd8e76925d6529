import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEvents

/// The place of a sink moves past what the sink has done only.
@Suite(.timeLimit(.minutes(5))) struct SettlingSinkTests {
    /// Takes everything, and has it done when it is told so.
    private final class Gatherer: SettlingSink {
        struct State {
            var taken: [EventID] = []
            var isDone = false
            /// Whether each call was the last one.
            var calls: [Bool] = []
        }

        let name = "gatherer"
        private let state = Mutex(State())

        func receive(_ batch: SinkBatch) async throws {
            state.withLock { $0.taken += batch.events.map(\.id) }
        }

        func settle(isStopping: Bool) async -> Bool {
            state.withLock {
                $0.calls.append(isStopping)
                return $0.isDone || $0.taken.isEmpty
            }
        }

        func finish() { state.withLock { $0.isDone = true } }
        var taken: [EventID] { state.withLock { $0.taken } }
        var calls: [Bool] { state.withLock { $0.calls } }
    }

    private func emit(_ runtime: AgentRuntime) async throws {
        try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
            for number in 0..<5 { try await run.think("\(number)") }
        }
    }

    @Test func whatIsNotDoneComesAgainAfterARestart() async throws {
        let log = InMemoryEventLog()
        let sink = Gatherer()
        try await withAgentRuntime(log: log, sinks: [DurableSink(sink)]) { try await emit($0) }
        log.close()
        let first = sink.taken
        #expect(first.count == 7)
        #expect(sink.calls.last == true)
        // Nothing was saved but the beginning: all of it comes again, and is done this time.
        sink.finish()
        try await withAgentRuntime(log: log, sinks: [DurableSink(sink)]) { try await $0.flushSinks() }
        log.close()
        #expect(sink.taken == first + first)
        // Now the place has moved.
        try await withAgentRuntime(log: log, sinks: [DurableSink(sink)]) { try await $0.flushSinks() }
        log.close()
        #expect(sink.taken == first + first)
    }

    @Test func aSinkThatIsNotDurableIsNotAsked() async throws {
        let log = InMemoryEventLog()
        let sink = Gatherer()
        try await withAgentRuntime(log: log, sinks: [sink]) { try await emit($0) }
        log.close()
        #expect(sink.taken.count == 7)
        #expect(sink.calls.isEmpty)
    }
}
