import AgentEvents
import Testing

/// Reading a thread in the bytes of the log, with a marker where the reader has caught up, and with an end.
struct StoredThreadEventsTests {
    private static func say(_ text: String, _ runtime: AgentRuntime) async throws {
        try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in try await run.say(text) }
    }

    @Test func theBytesAreThoseOfTheLogAndTheMarkerComesOnce() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            try await Self.say("Hello.", runtime)
            let logged = try await runtime.log.read(LogRead(.thread("t_7", after: 0))).events
            var reader = try await runtime.storedEvents(user: "u_1", thread: "t_7").makeAsyncIterator()
            for stored in logged { #expect(try await reader.next() == .event(stored)) }
            #expect(try await reader.next() == .live(logged.last?.id))
            try await Self.say("Again.", runtime)
            for number in 1...4 {
                guard case .event(let stored)? = try await reader.next() else {
                    Issue.record("an event")
                    return
                }
                #expect(stored.id.sequence == UInt64(logged.count + number))
            }
        }
    }

    @Test func aReaderOfWhatIsNewIsLiveAtOnce() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            var early = try await runtime.storedEvents(user: "u_1", thread: "t_7").makeAsyncIterator()
            #expect(try await early.next() == .live(nil))
            try await Self.say("Hello.", runtime)
            let head = try await runtime.log.thread("t_7")?.head
            var late = try await runtime.storedEvents(user: "u_1", thread: "t_7", from: .now).makeAsyncIterator()
            #expect(try await late.next() == .live(head))
        }
    }

    @Test func aReadingUpToNowEndsThere() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            for try await _ in try await runtime.events(user: "u_1", thread: "t_7", upTo: .now) {
                Issue.record("there is no event yet")
            }
            try await Self.say("Hello.", runtime)
            let finite = try await runtime.events(user: "u_1", thread: "t_7", upTo: .now)
            let stored = try await runtime.storedEvents(user: "u_1", thread: "t_7", from: .now, upTo: .now)
            try await Self.say("Too late.", runtime)
            var sequences: [UInt64] = []
            for try await event in finite { sequences.append(event.sequence) }
            #expect(sequences == [1, 2, 3, 4])
            for try await element in stored { Issue.record("nothing is left: \(element)") }
        }
    }
}
