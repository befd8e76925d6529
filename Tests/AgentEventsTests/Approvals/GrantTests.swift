import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEvents

/// Answers that count for later questions, too.
@Suite(.timeLimit(.minutes(10))) struct GrantTests {
    /// What a run is told about each of its calls of `deploy`, one after another.
    private static func deploy(
        _ builds: [JSONValue],
        tool: ToolName = "deploy",
        approval: ToolApproval = ToolApproval("Deploy?"),
        _ run: AgentRun
    ) async throws {
        for build in builds { try await run.tool(tool, arguments: build, approval: approval) { _ in } }
    }

    private static func questions(_ stage: CommandStage) async throws -> [(id: ApprovalID, call: CallID?)] {
        try await stage.events.compactMap { event in
            guard case .approvalRequested(let asked) = event.payload else { return nil }
            return (asked.approvalID, asked.callID)
        }
    }

    /// The answers: by whom, and by which grant.
    private static func answers(_ stage: CommandStage) async throws -> [String] {
        try await stage.events.compactMap { event in
            guard case .approvalResolved(let resolved) = event.payload else { return nil }
            let by = resolved.by.map { "\($0)" } ?? "nobody"
            return "\(resolved.decision.rawValue) \(by) \(resolved.data?["grant"]?.stringValue ?? "-")"
        }
    }

    /// Answers the question that was asked last, once there are this many.
    @discardableResult
    private static func answer(
        _ stage: CommandStage,
        question count: Int,
        _ grant: ApprovalGrant? = nil,
        isApproved: Bool = true,
        by user: UserID = "u_1",
        key: IdempotencyKey? = nil
    ) async throws -> CommandReceipt {
        try await stage.wait(for: .approvalRequested, count: count)
        let asked = try #require(try await questions(stage).last)
        var answer = ApprovalAnswer(asked.id, isApproved: isApproved, grant: grant, by: user)
        answer.hasRight = true
        return try await stage.context.answer(answer, key: key)
    }

    @Test(arguments: CommandStage.logs) func aGrantAnswersTheNextQuestion(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            async let run: Void = stage.run { run in
                try await Self.deploy([1, 2], run)
                // Of a call that is open.
                try await run.tool("deploy", id: "c_3", arguments: 3) { call in
                    _ = try await run.approve("Really?", for: call.id).get()
                }
            }
            let receipt = try await Self.answer(stage, question: 1, ApprovalGrant())
            #expect(receipt.outcome == .done && receipt.cursors.count == 2)
            try await run
            let expected = ["approved u_1 -", "approved u_1 grant/deploy", "approved u_1 grant/deploy"]
            let answers = try await Self.answers(stage)
            #expect(answers == expected)
            // Still as two events, one after the other.
            let call = ["tool_executing", "approval_requested", "approval_resolved"]
            let types = try await stage.types
            #expect(
                types == call + ["state_updated", "tool_completed"] + call + ["tool_completed"] + call
                    + ["tool_completed", "agent_completed"])
            let update = try #require(
                try await stage.events.compactMap { event -> StateUpdated? in
                    if case .stateUpdated(let update) = event.payload { update } else { nil }
                }.first)
            #expect(update.key == "grant/deploy" && update.version == 1 && update.by == "u_1")
            #expect(update.change == .value(["scope": "thread", "by": "u_1"]))
        }
    }

    /// It counts for its tool, its arguments, its run, and for questions that the one who gave it may answer.
    @Test(
        arguments: [
            (ApprovalGrant(), "deploy", ToolApproval("?"), true), (ApprovalGrant(), "delete", ToolApproval("?"), false),
            (ApprovalGrant(arguments: ["to": "staging-*"]), "deploy", ToolApproval("?"), true),
            (ApprovalGrant(arguments: ["to": "production"]), "deploy", ToolApproval("?"), false),
            (ApprovalGrant(.run), "deploy", ToolApproval("?"), false),
            (ApprovalGrant(), "deploy", ToolApproval("?", approvers: ["u_1", "u_2"]), true),
            (ApprovalGrant(), "deploy", ToolApproval("?", approvers: ["u_2"]), false),
            (ApprovalGrant(), "deploy", ToolApproval("?", isSeparate: true), false),
        ] as [(ApprovalGrant, ToolName, ToolApproval, Bool)])
    func aGrantCountsForWhatItWasGivenFor(
        _ grant: ApprovalGrant, _ tool: ToolName, _ approval: ToolApproval, _ counts: Bool
    ) async throws {
        try await CommandStage.with { stage in
            async let first: Void = stage.run { try await Self.deploy([["to": "staging-1"]], $0) }
            try await Self.answer(stage, question: 1, grant)
            try await first
            async let second: Void = stage.run { run in
                try await Self.deploy([["to": "staging-2", "build": 7]], tool: tool, approval: approval, run)
            }
            if !counts { try await Self.answer(stage, question: 2, by: "u_2") }
            try await second
            let last = try await Self.answers(stage).last
            #expect(last == (counts ? "approved u_1 grant/deploy" : "approved u_2 -"))
        }
    }

    /// In the run and those below it, also when a child has asked.
    @Test func aGrantOfARunCountsInItsTree() async throws {
        try await CommandStage.with { stage in
            async let run: Void = stage.run { run in
                try await run.withChild(agent: "helper") { try await Self.deploy([1], $0) }
                try await run.withChild(agent: "helper") { try await Self.deploy([2], $0) }
                try await Self.deploy([3], run)
            }
            try await Self.answer(stage, question: 1, ApprovalGrant(.run))
            try await run
            let answers = try await Self.answers(stage)
            #expect(answers.count == 3 && answers.dropFirst().allSatisfy { $0 == "approved u_1 grant/deploy" })
        }
    }

    /// Nobody has filled in a form.
    @Test func aGrantFillsInNoForm() async throws {
        try await CommandStage.with { stage in
            let form = try ApprovalSchema(["type": "object"])
            async let run: Void = stage.run { run in
                try await Self.deploy([1], run)
                try await Self.deploy([2], approval: ToolApproval("?", schema: form), run)
            }
            try await Self.answer(stage, question: 1, ApprovalGrant())
            try await Self.answer(stage, question: 2)
            try await run
            let last = try await Self.answers(stage).last
            #expect(last == "approved u_1 -")
        }
    }

    /// By the times of events: at its end it counts no longer.
    @Test(arguments: [(999, true), (1000, false)] as [(Int64, Bool)])
    func aGrantEnds(_ milliseconds: Int64, _ counts: Bool) async throws {
        let now = Mutex<Int64>(1_000_000)
        var configuration = RuntimeConfiguration()
        configuration.clock = WallClock { Timestamp(milliseconds: now.withLock { $0 }) }
        try await CommandStage.with(configuration) { stage in
            async let first: Void = stage.run { try await Self.deploy([1], $0) }
            try await Self.answer(stage, question: 1, ApprovalGrant(for: .seconds(1)))
            try await first
            now.withLock { $0 += milliseconds }
            async let second: Void = stage.run { try await Self.deploy([2], $0) }
            if !counts { try await Self.answer(stage, question: 2) }
            try await second
            let last = try await Self.answers(stage).last
            #expect(last == (counts ? "approved u_1 grant/deploy" : "approved u_1 -"))
        }
    }

    @Test(arguments: CommandStage.logs) func aGrantThatIsRevokedCountsNoLonger(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            #expect(try await stage.context.revokeGrant(for: "deploy", by: "u_2").outcome == .unchanged)
            async let first: Void = stage.run { try await Self.deploy([1], $0) }
            try await Self.answer(stage, question: 1, ApprovalGrant())
            try await first
            #expect(try await stage.context.revokeGrant(for: "delete", by: "u_2").outcome == .unchanged)
            let revoked = try await stage.context.revokeGrant(for: "deploy", by: "u_2", key: "k_1")
            #expect(revoked.outcome == .done && revoked.cursors.count == 1)
            #expect(try await stage.context.revokeGrant(for: "deploy", by: "u_2", key: "k_1").outcome == .repeated)
            async let second: Void = stage.run { try await Self.deploy([2], $0) }
            try await Self.answer(stage, question: 2, ApprovalGrant())
            try await second
            // One that is given again counts again.
            try await stage.run { try await Self.deploy([3], $0) }
            let answers = try await Self.answers(stage)
            #expect(answers == ["approved u_1 -", "approved u_1 -", "approved u_1 grant/deploy"])
        }
    }

    /// Where there is no room for events, questions are answered and grants end all the same.
    @Test func answersAndEndsOfGrantsNeedNoRoom() async throws {
        var configuration = RuntimeConfiguration()
        configuration.maximumStoredByteCountPerUser = 20_000
        try await CommandStage.with(configuration) { stage in
            async let first: Void = stage.run { try await Self.deploy([1], $0) }
            try await stage.wait(for: .approvalRequested)
            let other = try await stage.runtime.context(user: "u_1", thread: "t_2")
            let filler = EventDraft(
                .custom(CustomEvent(name: "filler", value: .string(String(repeating: "x", count: 20_000)))))
            _ = try await other.emit([filler])
            try await stage.runtime.flush()
            await #expect(throws: AgentEventsError.self) { _ = try await other.emit([filler]) }
            // With the grant it does more than end something.
            #expect(try await Self.answer(stage, question: 1, ApprovalGrant()).outcome == .done)
            try await first
            #expect(try await stage.context.revokeGrant(for: "deploy", by: "u_1").outcome == .done)
        }
    }

    /// One who was a member gave it; whether they may approve is looked at when it is used, and people are asked when they may
    /// not, or when nobody can say.
    @Test(arguments: CommandStage.logs) func aGrantEndsWithTheRightsOfItsGiver(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            let approvers = Mutex<Set<UserID>>(["u_1", "u_2"])
            stage.runtime.checkApprovers { user, owner in
                #expect(owner.thread == "t_1" && owner.user == "u_1")
                return approvers.withLock { $0.contains(user) }
            }
            async let first: Void = stage.run { try await Self.deploy([1, 2], $0) }
            try await Self.answer(stage, question: 1, ApprovalGrant(), by: "u_2")
            try await first
            approvers.withLock { _ = $0.remove("u_2") }
            async let second: Void = stage.run { try await Self.deploy([3], $0) }
            try await Self.answer(stage, question: 3)
            try await second
            // Also where the question names them.
            let approval = ToolApproval("Deploy?", approvers: ["u_1", "u_2"])
            async let third: Void = stage.run { try await Self.deploy([5], approval: approval, $0) }
            try await Self.answer(stage, question: 4)
            try await third
            // Who has the right again has given it before.
            approvers.withLock { _ = $0.insert("u_2") }
            try await stage.run { try await Self.deploy([4], $0) }
            let answers = try await Self.answers(stage)
            #expect(
                answers == [
                    "approved u_2 -", "approved u_2 grant/deploy", "approved u_1 -", "approved u_1 -",
                    "approved u_2 grant/deploy",
                ])
        }
    }

    /// Where nobody knows who may approve, that is the user of the thread, and those whom the question names.
    @Test(arguments: [([], false), (["u_2", "u_3"], true), (["u_3"], false)] as [([UserID], Bool)])
    func aGrantOfSomebodyElseCountsWhereTheyAreNamed(_ approvers: [UserID], _ counts: Bool) async throws {
        try await CommandStage.with { stage in
            async let first: Void = stage.run { try await Self.deploy([1], $0) }
            try await Self.answer(stage, question: 1, ApprovalGrant(), by: "u_2")
            try await first
            let approval = ToolApproval("?", approvers: approvers)
            async let second: Void = stage.run { try await Self.deploy([2], approval: approval, $0) }
            if !counts { try await Self.answer(stage, question: 2, by: approvers.first ?? "u_1") }
            try await second
            let last = try await Self.answers(stage).last
            #expect(last == (counts ? "approved u_2 grant/deploy" : "approved \(approvers.first ?? "u_1") -"))
        }
    }

    /// Nobody's answer looks like that of a grant.
    @Test func aPersonDoesNotNameAGrant() async throws {
        try await CommandStage.with { stage in
            async let run: Void = stage.run { run in _ = try await run.approve("May I?", id: "a_1") }
            try await stage.wait(for: .approvalRequested)
            let error = await #expect(throws: AgentEventsError.self) {
                try await stage.context.answer(
                    ApprovalAnswer("a_1", isApproved: true, data: ["grant": "grant/deploy"], by: "u_1"))
            }
            #expect(error?.code == .approvalDataInvalid)
            _ = try await stage.context.answer(
                ApprovalAnswer("a_1", isApproved: true, data: ["grant": "yes"], by: "u_1"))
            try await run
        }
    }

    /// It is in the log: another process knows it, and that it was revoked.
    @Test(arguments: [false, true]) func aGrantOutlivesItsProcess(revoked: Bool) async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let stage = CommandStage(runtime: runtime, context: context, log: log)
            async let run: Void = stage.run { try await Self.deploy([1], $0) }
            try await Self.answer(stage, question: 1, ApprovalGrant())
            try await run
            if revoked { try await context.revokeGrant(for: "deploy", by: "u_1") }
        }
        log.close()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let stage = CommandStage(runtime: runtime, context: context, log: log)
            async let run: Void = stage.run { try await Self.deploy([2], $0) }
            if revoked { try await Self.answer(stage, question: 2) }
            try await run
            let last = try await Self.answers(stage).last
            #expect(last == (revoked ? "approved u_1 -" : "approved u_1 grant/deploy"))
        }
    }

    /// A grant goes with a yes to a question about a call; what does not is refused, and the question stays open.
    @Test func aGrantThatMeansNothingIsRefused() async throws {
        try await CommandStage.with { stage in
            async let run: Void = stage.run { run in _ = try await run.approve("May I?", id: "a_1") }
            try await stage.wait(for: .approvalRequested)
            for isApproved in [true, false] {
                let error = await #expect(throws: AgentEventsError.self) {
                    try await stage.context.answer(
                        ApprovalAnswer("a_1", isApproved: isApproved, grant: ApprovalGrant(), by: "u_1"))
                }
                #expect(error?.code == .commandInvalid)
            }
            #expect(try await stage.types == ["approval_requested"])
            _ = try await stage.context.answer(ApprovalAnswer("a_1", isApproved: true, by: "u_1"), key: "k_1")
            try await run
            // The same key with a grant is another command, and the same answer with one is another answer.
            let again = ApprovalAnswer("a_1", isApproved: true, grant: ApprovalGrant(), by: "u_1")
            for (key, code) in [("k_1", .keyConflict), (nil, .approvalResolved)]
                as [(IdempotencyKey?, AgentEventsError.Code)]
            {
                let error = await #expect(throws: AgentEventsError.self) {
                    try await stage.context.answer(again, key: key)
                }
                #expect(error?.code == code)
            }
        }
    }

    @Test(
        arguments: [
            (1, 1, true), (1, 2, false), ("a", "a", true), ("staging-7", "staging-*", true),
            ("staging", "staging-*", false),
            ("abcbcd", "a*bcd", true), ("abcbc", "a*bcd", false), ("x", "*", true), ("", "*", true), ("", "", true),
            ("*", "**", true), ("aXb", "a*b*", true), (["a": 1, "b": 2], ["a": 1], true), (["b": 2], ["a": 1], false),
            (["a": ["b": "c"]], ["a": ["b": "*"]], true), ([1, 2], [1, 2], true), ([1, 2], [1], false), (1, "*", false),
            (nil, nil, true), (true, false, false), (["a": 1], [:], true), (1, [:], false),
        ] as [(JSONValue, JSONValue, Bool)])
    func argumentsFitAPattern(_ value: JSONValue, _ pattern: JSONValue, _ fits: Bool) {
        #expect(ThreadGrants.fits(value, pattern) == fits)
    }

    @Test(
        arguments: [
            ([:], "thread 86400000"), (["scope": "run", "ttl_ms": 5], "run 5"), (["scope": nil], "thread 86400000"),
            (["scope": "user"], "event.invalid_value $.g.scope"), (["ttl_ms": 0], "event.invalid_value $.g.ttl_ms"),
            (["ttl_ms": 2_592_000_001], "event.invalid_value $.g.ttl_ms"), (["by": "u"], "event.unknown_field $.g.by"),
            ("always", "event.wrong_type $.g"),
        ] as [(JSONValue, String)])
    func aGrantIsReadFromTheWire(_ json: JSONValue, _ expected: String) throws {
        do throws(WireError) {
            let grant = try ApprovalGrant(json, path: "$.g")
            #expect("\(grant.scope.rawValue) \(grant.time.wholeMilliseconds)" == expected)
            let again = try ApprovalGrant(grant.json, path: "$")
            #expect(again == grant)
        } catch {
            #expect("\(error.code) \(error.path)" == expected)
        }
    }
}
