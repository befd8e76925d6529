import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEvents

/// Sinks get everything, in order, at their own pace; a bad one hurts nobody else.
struct SinkTests {
    private struct Refusal: Error {}

    /// Refuses each batch a number of times before it takes it.
    private final class StubbornSink: EventSink {
        let name = "stubborn"
        let refusals: Int
        let state = Mutex<(attempts: Int, events: [StoredEvent])>((0, []))

        init(refusals: Int) { self.refusals = refusals }

        func receive(_ batch: SinkBatch) async throws {
            try state.withLock { state in
                state.attempts += 1
                if state.attempts <= refusals { throw Refusal() }
                state.events += batch.events
            }
        }
    }

    /// Takes nothing until it is told to.
    private final class BlockedSink: EventSink {
        let name = "blocked"
        let gate: AsyncStream<Void>
        let open: AsyncStream<Void>.Continuation
        let received = Mutex(0)

        init() { (gate, open) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1)) }

        func receive(_ batch: SinkBatch) async throws {
            for await _ in gate {}
            received.withLock { $0 += batch.events.count }
        }
    }

    private var quick: RuntimeConfiguration {
        var configuration = RuntimeConfiguration()
        configuration.durationClock = LeapingClock()
        // Nobody but the sinks sleeps on it.
        configuration.maximumRunAge = nil
        return configuration
    }

    private func emitThoughts(_ count: Int, _ runtime: AgentRuntime) async throws {
        try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
            for number in 0..<count { try await run.think("\(number)") }
        }
    }

    @Test func aSinkThatRefusesIsGivenTheBatchAgain() async throws {
        let sink = StubbornSink(refusals: 3)
        try await withAgentRuntime(log: InMemoryEventLog(), sinks: [sink], configuration: quick) { runtime in
            try await emitThoughts(10, runtime)
            try await runtime.flushSinks()
            guard case .working = runtime.sinkStates[0].condition else {
                Issue.record("it works again")
                return
            }
        }
        #expect(sink.state.withLock { $0.events.map(\.id.sequence) } == Array(1...12))
    }

    @Test func aSinkThatOnlyRefusesFailsVisiblyAndTheOthersGetEverything() async throws {
        let broken = StubbornSink(refusals: .max)
        let healthy = InMemorySink()
        try await withAgentRuntime(log: InMemoryEventLog(), sinks: [broken, healthy], configuration: quick) { runtime in
            try await emitThoughts(10, runtime)
            try await runtime.flushSinks()
            guard case .failed(let error) = runtime.sinkStates[0].condition else {
                Issue.record("it has failed")
                return
            }
            #expect(error is Refusal)
            try await emitThoughts(10, runtime)
        }
        #expect(healthy.events.map(\.sequence) == Array(1...24))
        #expect(broken.state.withLock { $0.attempts } == 10)
    }

    @Test func aSlowSinkDelaysNoRunAndNoOtherSink() async throws {
        let slow = BlockedSink()
        let fast = InMemorySink()
        try await withAgentRuntime(log: InMemoryEventLog(), sinks: [slow, fast]) { runtime in
            try await emitThoughts(100, runtime)
            var seen = 0
            for try await event in try await runtime.events(user: "u_1", thread: "t_1") {
                seen += 1
                if event.type == .agentCompleted { break }
            }
            #expect(seen == 102)
            #expect(slow.received.withLock { $0 } == 0)
            slow.open.finish()
        }
        #expect(slow.received.withLock { $0 } == 102)
        #expect(fast.events.count == 102)
    }

    @Test func theLogSinkWritesOneLinePerEventWithoutCredentials() async throws {
        let lines = Mutex<[String]>([])
        let sink = LogSink { line in lines.withLock { $0.append(line) } }
        try await withAgentRuntime(log: InMemoryEventLog(generations: .counting), sinks: [sink]) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                let arguments: JSONValue = [
                    "query": "two\nlines", "api_key": "sk-1", "headers": ["Authorization": "Bearer x"],
                    "max_tokens": 5, "refresh_token": "abc",
                ]
                try await run.tool("search", arguments: arguments) { _ in }
            }
        }
        let written = lines.withLock { $0 }
        #expect(written.count == 4)
        #expect(written.allSatisfy { !$0.contains("\n") })
        let call = try #require(written.first { $0.contains("tool_executing") })
        #expect(call.contains("two\\nlines"))
        #expect(call.contains("\"max_tokens\":5"))
        for secret in ["sk-1", "Bearer x", "abc"] { #expect(!call.contains(secret)) }
        #expect(call.contains("t_1 1-2"))
    }

    @Test func theInMemorySinkIsBounded() async throws {
        let sink = InMemorySink(capacity: 3)
        try await withAgentRuntime(log: InMemoryEventLog(), sinks: [sink], configuration: quick) { runtime in
            try await emitThoughts(10, runtime)
            try await runtime.flushSinks()
            guard case .failed(let error) = runtime.sinkStates[0].condition else {
                Issue.record("it has failed")
                return
            }
            #expect(error is SinkFullError)
        }
    }
}
