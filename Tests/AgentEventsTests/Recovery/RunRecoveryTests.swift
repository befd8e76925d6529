import AgentEvents
import Testing

/// Decisions on the runs of a process that is gone, made without one.
struct RunRecoveryTests {
    private static let now = Timestamp(milliseconds: 100_000)
    private static let policies: [AgentName: RunRecovery.Policy] = [
        "never": RunRecovery.Policy(.never), "again": RunRecovery.Policy(.again(attempts: 2)),
        "always": RunRecovery.Policy(.again(attempts: 9)),
        "resume": RunRecovery.Policy(.resume, repeatableTools: ["search"]),
    ]

    private static func decide(_ run: RunRecovery.Run, _ cause: RunRecovery.Cause = .loss) -> String {
        let policy = { (agent: AgentName) in policies[agent] ?? RunRecovery.Policy() }
        switch RunRecovery.decide(run, cause, policy: policy, at: now) {
        case .keep(let steps): return steps.isEmpty ? "keep" : steps.map(word).joined(separator: ", ")
        case .end(let attempts): return "end" + (attempts.map { " \($0)" } ?? "")
        case .endAndRepeat(let attempt, let notBefore):
            return "again \(attempt)" + (notBefore.map { " at \($0.milliseconds)" } ?? "")
        }
    }

    private static func word(_ step: RunRecovery.Step) -> String {
        switch step {
        case .endChild(let run): "end \(run)"
        case .interrupt(let message, let run): "interrupt \(message) \(run)"
        case .closeCall(let call, _, let run, let refusal): "\(refusal.map { "\($0)" } ?? "lose") \(call) \(run)"
        case .pause(let run): "pause \(run)"
        }
    }

    private static func run(
        _ status: RunRecovery.Status,
        _ agent: AgentName = "resume",
        id: RunID = "r_1",
        attempt: Int = 1,
        at time: Int64 = 0,
        messages: [MessageID] = [],
        calls: [(CallID, ToolName, RunRecovery.Call.Status)] = [],
        children: [RunRecovery.Run] = [],
        of call: CallID? = nil
    ) -> RunRecovery.Run {
        var run = RunRecovery.Run(id, agent: agent, status)
        (run.attempt, run.attemptTime, run.messages) = (attempt, Timestamp(milliseconds: time), messages)
        run.calls = calls.map { RunRecovery.Call($0.0, tool: $0.1, $0.2) }
        (run.children, run.parentCall) = (children, call)
        return run
    }

    /// Each status with each mode and cause, at the first attempt.
    @Test func theTableOfModes() {
        for status in RunRecovery.Status.allCases {
            for cause in RunRecovery.Cause.allCases {
                let word = { (agent: AgentName) in Self.decide(Self.run(status, agent), cause) }
                let isQueued = status == .queued
                #expect(word("never") == (isQueued ? "keep" : "end"))
                #expect(word("unknown") == (isQueued ? "keep" : "end"))
                #expect(word("again") == (isQueued ? "keep" : cause == .loss ? "again 2" : "end"))
                #expect(word("resume") == (status == .running ? "pause r_1" : "keep"))
            }
        }
    }

    @Test func anAgainHasItsAttemptsAndNoMoreThanThree() {
        #expect(Self.decide(Self.run(.running, "again", attempt: 1)) == "again 2")
        #expect(Self.decide(Self.run(.running, "again", attempt: 2)) == "end 2")
        #expect(Self.decide(Self.run(.waiting, "always", attempt: 2)) == "again 3")
        #expect(Self.decide(Self.run(.waiting, "always", attempt: 3)) == "end 3")
        #expect(Self.decide(Self.run(.running, "again", at: 92_000)) == "again 2 at 102000")
        #expect(Self.decide(Self.run(.running, "again", at: 90_000)) == "again 2")
    }

    /// Waiting, and a pause by a person, are no attempt; a shutdown gives none away.
    @Test(arguments: RunRecovery.Status.allCases)
    func aResumeHasThreeAttempts(_ status: RunRecovery.Status) {
        let isLast = status == .running || status == .lost
        #expect(Self.decide(Self.run(status, attempt: 3)) == (isLast ? "end 3" : "keep"))
        let left = status == .running ? "pause r_1" : "keep"
        #expect(Self.decide(Self.run(status, attempt: 3), .shutdown) == left)
        #expect(Self.decide(Self.run(status, attempt: 2)) == left)
        // Those that a process which stopped in order has let go of do not count.
        var deployed = Self.run(status, attempt: 5)
        deployed.handedOverCount = 3
        #expect(Self.decide(deployed) == left)
        deployed.attempt = 6
        #expect(Self.decide(deployed) == (isLast ? "end 3" : "keep"))
    }

    @Test(
        arguments: [
            (.working, "deploy", "lose c_1 r_1, "), (.working, "search", ""), (.asked, "deploy", ""),
            (.held, "deploy", ""),
            (.refused(.denied), "deploy", "denied c_1 r_1, "), (.refused(.expired), "search", "expired c_1 r_1, "),
        ] as [(RunRecovery.Call.Status, ToolName, String)])
    func aCallBreaksOffUnlessItCanGoOn(_ status: RunRecovery.Call.Status, _ tool: ToolName, _ expected: String) {
        let calls = [("c_1" as CallID, tool, status)]
        #expect(
            Self.decide(Self.run(.running, messages: ["m_1"], calls: calls))
                == "interrupt m_1 r_1, \(expected)pause r_1")
        // A run that is paused is not interrupted.
        let closed = expected.isEmpty ? "keep" : String(expected.dropLast(2))
        #expect(Self.decide(Self.run(.paused, messages: ["m_1"], calls: calls)) == closed)
        // One that waits stays as it is, as long as nothing of it breaks off.
        let waiting = expected.isEmpty ? "keep" : "interrupt m_1 r_1, \(expected)pause r_1"
        #expect(Self.decide(Self.run(.waiting, messages: ["m_1"], calls: calls)) == waiting)
        #expect(Self.decide(Self.run(.lost, messages: ["m_1"], calls: calls)) == "keep")
    }

    @Test func aChildStaysWithItsCallAndIfItsAgentResumes() {
        let tree = { (agent: AgentName, tool: ToolName, status: RunRecovery.Status) in
            Self.run(
                status, calls: [("c_1", tool, .working)],
                children: [
                    Self.run(status, agent, id: "r_2", calls: [("c_2", "deploy", .asked)], of: "c_1"),
                    Self.run(status, "resume", id: "r_3"),
                ])
        }
        #expect(Self.decide(tree("resume", "search", .running)) == "pause r_3, pause r_2, pause r_1")
        #expect(Self.decide(tree("never", "search", .running)) == "pause r_3, end r_2, pause r_1")
        #expect(Self.decide(tree("resume", "deploy", .running)) == "pause r_3, end r_2, lose c_1 r_1, pause r_1")
        #expect(Self.decide(tree("resume", "search", .waiting)) == "keep")
        #expect(Self.decide(tree("never", "search", .waiting)) == "pause r_3, end r_2, pause r_1")
    }
}
