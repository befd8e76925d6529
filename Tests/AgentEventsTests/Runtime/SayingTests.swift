import AgentEvents
import AgentEventsTesting
import Testing

/// Messages and thoughts that come in fragments, and ids that the caller gives.
struct SayingTests {
    private struct Broken: Error {}

    /// Runs a body in a run and gives back what a sink saw between its start and its end.
    private func events(
        ending expected: String = "agent_completed",
        _ body: @Sendable (AgentRun) async throws -> Void
    ) async throws -> [EventPayload] {
        let sink = InMemorySink()
        try await withAgentRuntime(log: InMemoryEventLog(), sinks: [sink]) { runtime in
            do {
                try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide", body)
            } catch is Broken {
            } catch is CancellationError {
            }
        }
        #expect(sink.events.first?.typeName == "agent_started")
        #expect(sink.events.last?.typeName == expected)
        return sink.events.dropFirst().dropLast().map(\.payload)
    }

    /// A sequence of which the elements are made when they are asked for.
    private struct Fragments: AsyncSequence, AsyncIteratorProtocol {
        var produce: (Int) async throws -> String?
        private var count = 0

        init(_ produce: @escaping (Int) async throws -> String?) { self.produce = produce }

        func makeAsyncIterator() -> Self { self }

        mutating func next() async throws -> String? {
            count += 1
            return try await produce(count)
        }
    }

    private static func stream(_ fragments: [String], throwing error: (any Error)? = nil) -> Fragments {
        Fragments { number in
            if number <= fragments.count { return fragments[number - 1] }
            if let error { throw error }
            return nil
        }
    }

    private static func delta(_ id: MessageID, _ text: String) -> EventPayload {
        .messageDelta(MessageDelta(messageID: id, text: text))
    }

    private static func completed(_ id: MessageID, _ text: String) -> EventPayload {
        .messageCompleted(MessageCompleted(messageID: id, text: text))
    }

    // MARK: Sequences

    @Test func eachElementIsAFragmentAndTheMessageIsCompletedAtTheEnd() async throws {
        let events = try await events { run in
            let text = try await run.say(contentsOf: Self.stream(["Found ", "", "two."]), id: "m_1")
            #expect(text == "Found two.")
            try await run.think("Done.", continuing: "th_1")
        }
        #expect(
            events == [
                Self.delta("m_1", "Found "), Self.delta("m_1", ""), Self.delta("m_1", "two."),
                Self.completed("m_1", "Found two."), .agentThinking(AgentThinking(thoughtID: "th_1", text: "Done.")),
            ])
    }

    @Test func aSequenceWithoutElementsSaysNothing() async throws {
        let events = try await events { run in
            try await run.say("Wait.", id: "m_1")
            #expect(try await run.say(contentsOf: Self.stream([])) == "")
            try await run.say("!")
        }
        #expect(events == [Self.delta("m_1", "Wait."), Self.delta("m_1", "!"), Self.completed("m_1", "Wait.!")])
    }

    @Test func aSequenceThatThrowsCompletesItsMessageAndTheErrorIsThrown() async throws {
        let events = try await events(ending: "agent_completed") { run in
            await #expect(throws: Broken.self) {
                try await run.say(contentsOf: Self.stream(["half an", " answer"], throwing: Broken()), id: "m_1")
            }
            try await run.say("Again.", id: "m_2")
        }
        #expect(
            events == [
                Self.delta("m_1", "half an"), Self.delta("m_1", " answer"), Self.completed("m_1", "half an answer"),
                Self.delta("m_2", "Again."), Self.completed("m_2", "Again."),
            ])
    }

    @Test func aSequenceThatThrowsAtOnceSaysNothing() async throws {
        let events = try await events(ending: "agent_failed") { run in
            try await run.say(contentsOf: Self.stream([], throwing: Broken()))
        }
        #expect(events.isEmpty)
    }

    /// One sequence ends by itself when its task is cancelled, the other one does not notice.
    @Test(arguments: [true, false])
    func aCancelledTaskCompletesTheMessageAndThrows(endsByItself: Bool) async throws {
        let events = try await events(ending: "agent_cancelled") { run in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let stream = Fragments { number in
                        if number == 2 {
                            try? await waitForCancellation()
                            if endsByItself { return nil }
                        }
                        return number == 1 ? "one" : "two"
                    }
                    await #expect(throws: CancellationError.self) {
                        try await run.say(contentsOf: stream, id: "m_1")
                    }
                    try Task.checkCancellation()
                }
                while await run.context.openMessageText("m_1", in: run.id) != "one" { await Task.yield() }
                group.cancelAll()
                try await group.waitForAll()
            }
        }
        let text = endsByItself ? "one" : "onetwo"
        #expect(events.first == Self.delta("m_1", "one"))
        #expect(events.last == Self.completed("m_1", text))
        #expect(events.count == (endsByItself ? 2 : 3))
    }

    @Test func aMessageLeftOpenIsCompletedBeforeTheSequence() async throws {
        let events = try await events { run in
            try await run.say("First. ", id: "m_1")
            try await run.say(contentsOf: Self.stream(["Second."]), id: "m_2")
            try await run.say("Third.", id: "m_3")
        }
        #expect(
            events == [
                Self.delta("m_1", "First. "), Self.completed("m_1", "First. "), Self.delta("m_2", "Second."),
                Self.completed("m_2", "Second."), Self.delta("m_3", "Third."), Self.completed("m_3", "Third."),
            ])
    }

    @Test func whileTheRunIsPausedTheMessageIsLeftToItsEnd() async throws {
        let events = try await events(ending: "agent_failed") { run in
            let stream = Fragments { number in
                if number == 1 { return "one" }
                try await run.emit(.agentPaused(AgentPaused()))
                throw Broken()
            }
            try await run.say(contentsOf: stream, id: "m_1")
        }
        #expect(
            events == [Self.delta("m_1", "one"), .agentPaused(AgentPaused()), Self.completed("m_1", "one")])
    }

    // MARK: Ids of the caller

    @Test func anotherIDBeginsAnotherMessage() async throws {
        let events = try await events { run in
            try await run.say("a", id: "m_1")
            try await run.say("b")
            try await run.say("c", id: "m_1")
            try await run.say("d", id: "m_2")
            try await run.message(id: "m_3") { message in
                #expect(message.id == "m_3")
                try await message.append("e")
            }
        }
        #expect(
            events == [
                Self.delta("m_1", "a"), Self.delta("m_1", "b"), Self.delta("m_1", "c"), Self.completed("m_1", "abc"),
                Self.delta("m_2", "d"), Self.delta("m_3", "e"), Self.completed("m_3", "e"), Self.completed("m_2", "d"),
            ])
    }

    @Test func theIDOfACompletedMessageIsRefusedAndChangesNothing() async throws {
        let events = try await events { run in
            try await run.say("a", id: "m_1")
            try await run.say("b", id: "m_2")
            let error = await #expect(throws: AgentEventsError.self) { try await run.say("c", id: "m_1") }
            #expect(error?.code == .order(.messageClosed))
            try await run.say("d")
        }
        #expect(
            events == [
                Self.delta("m_1", "a"), Self.completed("m_1", "a"), Self.delta("m_2", "b"), Self.delta("m_2", "d"),
                Self.completed("m_2", "bd"),
            ])
    }

    @Test func callsAndChildrenHaveTheIDsOfTheirCaller() async throws {
        let events = try await events { run in
            let found = try await run.tool("search", id: "call_1", arguments: ["q": "x"]) { call in
                #expect(call.id == "call_1")
                return 3
            }
            #expect(found == 3)
            try await run.tool("search", id: "call_1", arguments: ["q": "y"]) { _ in }
            try await run.tool("search", id: "call_2", arguments: ["q": "z"], timeout: .seconds(60)) { _ in }
            try await run.withChild(agent: "reader", id: "r_child") { child in #expect(child.id == "r_child") }
        }
        let calls = events.compactMap { payload in
            if case .toolExecuting(let executing) = payload { executing.callID } else { nil }
        }
        #expect(calls == ["call_1", "call_1", "call_2"])
        let completedCalls = events.compactMap { payload in
            if case .toolCompleted(let completed) = payload { completed.callID } else { nil }
        }
        #expect(completedCalls == calls)
    }

    // MARK: Thoughts

    @Test func theFragmentsOfAThoughtShareItsID() async throws {
        let events = try await events { run in
            let count = try await run.withThought { thought in
                try await thought.append("Which ")
                try await thought.append("files?")
                return 2
            }
            #expect(count == 2)
            try await run.withThought { thought in try await thought.append("Those.") }
            try await run.withThought(id: "th_own") { thought in try await thought.append("Or these.") }
        }
        let thoughts = events.compactMap { payload in
            if case .agentThinking(let thinking) = payload { thinking } else { nil }
        }
        #expect(thoughts.map(\.text) == ["Which ", "files?", "Those.", "Or these."])
        #expect(thoughts[0].thoughtID == thoughts[1].thoughtID)
        #expect(Set(thoughts.map(\.thoughtID)).count == 3)
        #expect(thoughts[3].thoughtID == "th_own")
    }
}
