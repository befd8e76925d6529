import AgentEvents
import AgentEventsHub
import AgentEventsModels
import AgentEventsTesting
import Synchronization
import Testing
import agent_events

/// Conversations with the guide while it works: people allow, forbid, pause, stop and add.
@Suite(.timeLimit(.minutes(10))) struct GuideConversationTests {
    private struct Stage {
        let context: ExecutionContext
        let probe: EventProbe

        /// The request that the guide makes for a file.
        func asked() async throws -> ApprovalRequested {
            guard case .approvalRequested(let asked) = try await probe.skip(until: .approvalRequested).payload else {
                throw NotAsked()
            }
            return asked
        }

        func answer(_ asked: ApprovalRequested, _ isApproved: Bool, _ data: JSONValue? = nil) async throws {
            let answer = ApprovalAnswer(asked.approvalID, isApproved: isApproved, data: data, by: "u_1")
            #expect(try await context.answer(answer).outcome == .done)
        }

        /// The text that the run says in the end.
        func answered() async throws -> String {
            guard case .agentCompleted(let end) = try await probe.skip(until: .agentCompleted).payload else {
                return ""
            }
            return end.result?["answer"]?.stringValue ?? ""
        }
    }

    private struct NotAsked: Error {}

    /// Asks the guide about a folder with a secret.
    ///
    /// - Parameters:
    ///   - word: the word of the answer after which something is done.
    ///   - action: what is done, by somebody else.
    private static func with(
        _ question: String,
        afterWord word: Int = .max,
        does action: @escaping @Sendable (ExecutionContext) async throws -> Void = { _ in },
        _ body: (Stage) async throws -> Void
    ) async throws {
        try await TemporaryFolder.with { folder in
            try folder.write("garden.txt", "The garden has roses.\nTulips bloom in spring.\n")
            try folder.write("plans/Secret-launch.txt", "The plan\n\nWe have a launch.\nIt is on Tuesday.\nAt noon.\n")
            try folder.write("rocket.txt", String(repeating: "rocket science\n", count: 20_000))
            try folder.link("open.txt", to: "plans/Secret-launch.txt")
            let number = Mutex(0)
            try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
                let context = try await runtime.context(user: "u_1", thread: "t_1")
                let clock = ActingClock {
                    if number.withLock({
                        $0 += 1; return $0
                    }) == word {
                        try await action(context)
                    }
                }
                let guide = ModelAgent.guide(
                    folder: TextFolder(path: folder.path), folderName: "docs", wordsPerSecond: 1, clock: clock)
                #expect(guide.concurrency.takesInput)
                try await withEventProbe(of: runtime, thread: "t_1", exhaustivity: .off) { probe in
                    async let run: JSONValue? = runtime.withRun(
                        user: "u_1", thread: "t_1", agent: guide.name, id: "r_1", deadline: nil
                    ) { run in
                        let prompt = UserPrompt(text: question, messageID: "m_1", author: "u_1")
                        return try await guide.respond(to: prompt, run: run)
                    }
                    try await body(Stage(context: context, probe: probe))
                    _ = try? await run
                }
            }
        }
    }

    // MARK: Asking

    @Test func aSecretIsReadAfterAYesAndNotBefore() async throws {
        try await Self.with("launch secret") { stage in
            let asked = try await stage.asked()
            #expect(asked.prompt == "May I read plans/Secret-launch.txt and quote it? Its name says that it is secret.")
            #expect(asked.kind == .input && asked.schema?["properties"]?["lines"]?["maximum"] == 20)
            for event in stage.probe.taken { #expect(!"\(event)".contains("We have")) }
            // Data that does not fit the form does not count.
            await #expect(throws: AgentEventsError.self) { try await stage.answer(asked, true, ["lines": 100]) }
            try await stage.answer(asked, true, ["lines": 2, "comment": "no more"])
            let answer = try await stage.answered()
            #expect(
                answer.contains(
                    "plans/Secret-launch.txt, line 3 (no more):\n    We have a launch.\n    It is on Tuesday."),
                "\(answer)")
            #expect(!answer.contains("noon"))
        }
    }

    @Test func aNoIsSaidInTheAnswer() async throws {
        try await Self.with("launch secret") { stage in
            try await stage.answer(try await stage.asked(), false)
            guard case .toolCompleted(let call) = try await stage.probe.skip(until: .toolCompleted).payload else {
                return
            }
            #expect(call.status == .denied && call.error?.code == "approval.denied")
            let answer = try await stage.answered()
            #expect(
                answer.contains(
                    "plans/Secret-launch.txt matches too, but I was not allowed to read it: somebody said no."),
                "\(answer)")
        }
    }

    @Test func aLargeFileIsAskedForAndFoundByItsName() async throws {
        try await Self.with("rocket") { stage in
            let asked = try await stage.asked()
            #expect(asked.prompt == "May I read rocket.txt and quote it? It has 292 KiB.")
            try await stage.answer(asked, true)
            let answer = try await stage.answered()
            #expect(answer.contains("rocket.txt, line 1:\n    rocket science\n"), "\(answer)")
        }
    }

    @Test func aLinkToASecretIsOneAndAnOrdinaryFileIsNot() async throws {
        try await TemporaryFolder.with { folder in
            try folder.write("a/My SECRET.md", "x")
            try folder.write("secret/plain.txt", "x")
            try folder.write("edge.txt", [UInt8](repeating: 0x61, count: ReadingConcern.largeByteCount))
            try folder.write("large.txt", [UInt8](repeating: 0x61, count: ReadingConcern.largeByteCount + 1))
            try folder.link("link.txt", to: "a/My SECRET.md")
            let text = TextFolder(path: folder.path)
            for (path, concern) in [
                ("a/My SECRET.md", .secret), ("link.txt", .secret), ("secret/plain.txt", nil), ("edge.txt", nil),
                ("large.txt", .large(byteCount: ReadingConcern.largeByteCount + 1)), ("gone-secret.txt", nil),
            ] as [(String, ReadingConcern?)] {
                #expect(text.concern(about: path) == concern, "\(path)")
            }
        }
    }

    // MARK: In the middle of an answer

    /// 16.
    @Test func aPauseInMidAnswerLosesNoWord() async throws {
        try await Self.with(
            "roses", afterWord: 4,
            does: { _ = try await $0.command(RunCommand(.pause, by: "u_1")) }
        ) { stage in
            try await stage.probe.skip(until: .agentPaused)
            #expect(try await stage.context.command(RunCommand(.resume, by: "u_1")).outcome == .done)
            try await stage.probe.next(.agentResumed)
            let answer = try await stage.answered()
            let said = stage.probe.taken.compactMap { event -> String? in
                if case .messageDelta(let delta) = event.payload { delta.text } else { nil }
            }
            #expect(said.count > 8 && said.joined() == answer)
        }
    }

    @Test func aStopInMidAnswerEndsIt() async throws {
        try await Self.with(
            "roses", afterWord: 4,
            does: { _ = try await $0.command(RunCommand(.stop, by: "u_1")) }
        ) { stage in
            guard case .agentCancelled(let end) = try await stage.probe.skip(until: .agentCancelled).payload else {
                return
            }
            #expect(end.by == "u_1")
            let said = stage.probe.taken.count { $0.type == .messageDelta }
            #expect(said == 4)
        }
    }

    /// A permission that was given is not asked for again.
    @Test func whatIsAddedInMidAnswerIsLookedForToo() async throws {
        try await Self.with(
            "launch secret", afterWord: 4,
            does: { context in
                let message = UserMessage(messageID: "m_2", userID: "u_1", text: "And tulips?", givenTo: "r_1")
                try await context.emit(EventDraft(.userMessage(message)))
            }
        ) { stage in
            try await stage.answer(try await stage.asked(), true)
            try await stage.probe.skip(until: .inputTaken)
            let answer = try await stage.answered()
            #expect(answer.contains("“launch”, “secret” and “tulip”"), "\(answer)")
            #expect(answer.contains("Tulips bloom in spring.") && answer.contains("We have a launch."), "\(answer)")
            let types = stage.probe.taken.compactMap(\.type)
            #expect(types.count { $0 == .approvalRequested } == 1)
            #expect(types.count { $0 == .messageCompleted } == 2)
        }
    }
}

/// A clock on which each pause is over once something was done.
private struct ActingClock: Clock {
    private let action: @Sendable () async throws -> Void

    init(_ action: @escaping @Sendable () async throws -> Void) { self.action = action }

    var now: ContinuousClock.Instant { ContinuousClock.now }
    var minimumResolution: Duration { .zero }

    func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws { try await action() }
}
