import AgentEventsTestSupport
import AgentEventsTesting
import Testing

@testable import AgentEvents

/// What a run reads of its thread for a model.
@Suite(.timeLimit(.minutes(10))) struct TranscriptReadingTests {
    private static func ask(_ text: String, _ runtime: AgentRuntime) async throws {
        let context = try await runtime.context(user: "u_1", thread: "t_1")
        let id = runtime.configuration.identifiers.messageID()
        try await context.emit(EventDraft(.userMessage(UserMessage(messageID: id, userID: "u_1", text: text))))
    }

    private static func run<Value>(
        _ runtime: AgentRuntime,
        _ body: (AgentRun) async throws -> Value
    ) async throws -> Value {
        try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide", body)
    }

    private static func words(_ run: AgentRun) async throws -> [String] {
        TranscriptFoldTests.words(try await run.transcript())
    }

    @Test func itHasWhatTheRunHasSaidAndDoneUpToNow() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            try await Self.ask("one", runtime)
            try await Self.run(runtime) { run in
                #expect(try await Self.words(run) == ["u:one"])
                try await run.say("I look")
                try await run.tool("search", id: "c_1", arguments: ["q": 1]) { _ in
                    let words = try await Self.words(run)
                    #expect(words == ["u:one", "a:I look c_1!tool.open"])
                    return 7
                }
                try await run.say("So")
                let transcript = try await run.transcript()
                #expect(TranscriptFoldTests.words(transcript) == ["u:one", "a:I look c_1=7", "a:So"])
                #expect(transcript.isComplete)
            }
        }
    }

    /// Nothing grows with the thread: each step reads what has come since the last one.
    @Test func aContinuedOneReadsTheTailAlone() async throws {
        let log = CountingLog()
        try await withAgentRuntime(log: log) { runtime in
            for number in 1...100 {
                try await Self.ask("\(number)", runtime)
                try await Self.run(runtime) { run in for _ in 1...10 { try await run.say("word ") } }
            }
            try await Self.run(runtime) { run in
                var fold = TranscriptFold()
                let first = try await run.transcript(continuing: &fold)
                #expect(first.items.count == 200 && first.isComplete)
                _ = log.takeReadCount()
                for _ in 1...3 {
                    try await run.say("more ")
                    _ = try await run.transcript(continuing: &fold)
                    #expect(log.takeReadCount() == 1)
                }
                let last = try await run.transcript(continuing: &fold)
                #expect(TranscriptFoldTests.words(last).last == "a:more more more ")
                #expect(log.takeReadCount() == 0)
                #expect(try await run.transcript() == last)
            }
        }
        log.close()
    }

    /// Of a long thread as much is read as is kept.
    @Test func aLongThreadIsReadFromItsMiddle() async throws {
        let log = CountingLog()
        try await withAgentRuntime(log: log) { runtime in
            for number in 1...40 {
                try await Self.ask("\(number)", runtime)
                try await Self.run(runtime) { run in for _ in 1...600 { try await run.say("a") } }
            }
            try await Self.run(runtime) { run in
                var limits = TranscriptFold.Limits()
                limits.itemCount = 6
                var fold = TranscriptFold(limits: limits)
                _ = log.takeReadCount()
                let transcript = try await run.transcript(continuing: &fold)
                #expect(log.takeReadCount() <= 4097)
                #expect(transcript.items.count == 6 && !transcript.isComplete)
                guard case .user(let message)? = transcript.items.first else {
                    Issue.record("it begins with \(transcript.items.first.debugDescription)")
                    return
                }
                #expect(message.text == "38")
                // All of it, for those who keep more.
                let whole = try await run.transcript()
                #expect(whole.items.count == 80 && whole.isComplete)
            }
        }
        log.close()
    }

    @Test func aChildHasItsOwnAndTheParentTheResult() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            try await Self.ask("one", runtime)
            try await Self.run(runtime) { run in
                try await run.tool("delegate", id: "c_1", arguments: ["q": 1]) { call in
                    try await run.withChild(agent: "finder", call: call.id) { child in
                        try await child.say("found")
                        #expect(try await Self.words(child) == ["a:found"])
                        return "it"
                    }
                }
                #expect(try await Self.words(run) == ["u:one", #"a: c_1="it""#])
            }
        }
    }

    @Test func whatWasTrimmedIsSaidToBeMissing() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            try await Self.ask("one", runtime)
            try await Self.run(runtime) { run in try await run.say("a") }
            try await Self.ask("two", runtime)
            try await runtime.flush()
            // The message, and the start of its run.
            try await log.trim([ThreadTrim(thread: "t_1", firstKept: 3)])
            try await Self.run(runtime) { run in
                let transcript = try await run.transcript()
                #expect(TranscriptFoldTests.words(transcript) == ["u:two"])
                #expect(!transcript.isComplete)
            }
        }
    }

    /// The retention overtakes the fold of a run that has ended: of one that is open nothing is trimmed.
    @Test func aFoldThatWasOvertakenBeginsAgain() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            let run = try await Self.run(runtime) { run in
                try await run.say("a")
                return run
            }
            var fold = TranscriptFold()
            let known = try await run.transcript(continuing: &fold)
            #expect(TranscriptFoldTests.words(known) == ["a:a"] && known.isComplete)
            for _ in 1...5 { try await Self.ask("more", runtime) }
            try await Self.run(runtime) { run in try await run.say("b") }
            try await log.trim([ThreadTrim(thread: "t_1", firstKept: 7)])
            let transcript = try await run.transcript(continuing: &fold)
            #expect(TranscriptFoldTests.words(transcript) == ["u:more", "u:more", "u:more", "a:b"])
            #expect(!transcript.isComplete)
        }
    }
}
