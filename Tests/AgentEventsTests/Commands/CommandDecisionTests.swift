import AgentEvents
import Testing

/// Each command with each state of the run that it names, and what it does to all runs.
struct CommandDecisionTests {
    private enum Met: CaseIterable {
        case queued
        case running
        case waiting
        case paused
        case ended
        case unknown
        case notLookedUp
    }

    private enum Command: CaseIterable {
        case stop
        case pause
        case resume
        case custom

        var action: RunCommand.Action {
            switch self {
            case .stop: .stop
            case .pause: .pause
            case .resume: .resume
            case .custom: .custom("editor.undo", value: 1)
            }
        }
    }

    /// A decision in one word.
    private static func word(_ decision: CommandDecision) -> String {
        switch decision {
        case .log(let drafts, _):
            drafts.map { "\($0.payload.typeName) \($0.runID?.rawValue ?? "")" }.joined(separator: ", ")
        case .unchanged: "unchanged"
        case .ended: "ended"
        case .refuse(.runUnknown): "run.unknown"
        case .refuse(.runNotStarted): "run.not_started"
        case .refuse(.runNotOpen): "run.not_open"
        case .refuse(.runPaused): "run.paused"
        case .refuse(.unsupported): "command.unsupported"
        case .lookUp: "look up"
        }
    }

    private static func expected(_ command: Command, _ met: Met) -> String {
        switch (command, met) {
        case (_, .notLookedUp): "look up"
        case (_, .unknown): "run.unknown"
        case (.stop, .ended): "ended"
        case (.stop, _): "agent_cancelled r_1"
        case (_, .ended): "run.not_open"
        case (_, .queued): "run.not_started"
        case (.pause, .running), (.pause, .waiting): "agent_paused r_1"
        case (.pause, .paused): "unchanged"
        case (.resume, .running), (.resume, .waiting): "unchanged"
        case (.resume, .paused): "agent_resumed r_1"
        case (.custom, .running), (.custom, .waiting): "custom r_1"
        case (.custom, .paused): "run.paused"
        }
    }

    private static func cursor(_ sequence: UInt64) -> Cursor { Cursor(generation: 3, sequence: sequence) }

    @Test func eachCommandWithEachStateOfItsRun() {
        for command in Command.allCases {
            for met in Met.allCases {
                let status: CommandDetails.Status? =
                    switch met {
                    case .queued: .queued
                    case .running: .running
                    case .waiting: .waiting
                    case .paused: .paused
                    case .ended, .unknown, .notLookedUp: nil
                    }
                let occupancy = ThreadOccupancy(
                    status.map { [ThreadOccupancy.Run("r_1", agent: "guide", $0, began: Self.cursor(4))] } ?? [])
                let decision = RunCommand(command.action, run: "r_1").decide(
                    on: occupancy, fence: .none, isUsed: met == .ended ? true : met == .unknown ? false : nil,
                    takesCustom: { $0 == "guide" })
                #expect(Self.word(decision) == Self.expected(command, met), "\(command), \(met)")
            }
        }
    }

    /// A run that is paused because its process is gone would continue when it is taken up. A person's pause takes the place
    /// of that one, in the whole tree; what a person has paused already stays as it is.
    @Test func aPauseOfARunWhoseProcessIsGoneIsThePersons() {
        var lost = ThreadOccupancy([
            ThreadOccupancy.Run("r_1", agent: "guide", .paused),
            ThreadOccupancy.Run("r_2", agent: "guide", parent: "r_1", .paused),
            ThreadOccupancy.Run("r_3", agent: "guide", parent: "r_1", .paused),
            ThreadOccupancy.Run("r_4", agent: "guide", parent: "r_1", .waiting),
        ])
        lost.runs[0].isLost = true
        lost.runs[1].isLost = true
        let events =
            "agent_resumed r_1, agent_resumed r_2, agent_paused r_4, agent_paused r_2, agent_paused r_1"
        for run in ["r_1", nil] as [RunID?] {
            let decision = RunCommand(.pause, run: run, by: "u_1").decide(
                on: lost, fence: .none, isUsed: nil, takesCustom: { _ in false })
            #expect(Self.word(decision) == events)
        }
    }

    /// Acts of people on a run that has asked do not show that it works: it waits for people as before.
    @Test(
        arguments: [
            ([.agentPaused(AgentPaused(by: "u_1")), .agentResumed(AgentResumed(by: "u_1"))], true),
            ([.custom(CustomEvent(name: "editor.undo", value: 1, by: "u_1"))], true),
            ([.custom(CustomEvent(name: "editor.undo", value: 1))], false),
            ([.agentProgress(AgentProgress(step: 1))], false),
        ] as [([EventPayload], Bool)])
    func aRunWaitsWhateverPeopleDoToIt(_ payloads: [EventPayload], _ waits: Bool) {
        let asked: [EventPayload] = [
            .agentStarted(AgentStarted()),
            .toolExecuting(ToolExecuting(callID: "c_1", tool: "deploy", arguments: 1)),
            .approvalRequested(ApprovalRequested(approvalID: "a_1", callID: "c_1", prompt: "Deploy it?")),
        ]
        var machine = ThreadStateMachine(policy: .standard)
        for (index, payload) in (asked + payloads).enumerated() {
            let event = AgentEvent(
                id: Self.cursor(UInt64(index + 1)), threadID: "t_1", runID: "r_1", agent: "guide",
                time: Timestamp(milliseconds: 1), payload: payload)
            machine.restore(event)
        }
        #expect((machine.occupancy.runs.first?.status == .waiting) == waits)
    }

    /// A tree of three below one of two roots, one of them paused already, and a queued run.
    private static let occupancy = ThreadOccupancy([
        ThreadOccupancy.Run("a", agent: "guide", .running, began: cursor(1)),
        ThreadOccupancy.Run("a1", agent: "guide", parent: "a", .running, began: cursor(2)),
        ThreadOccupancy.Run("b", agent: "guide", host: .outside, .paused, began: cursor(3)),
        ThreadOccupancy.Run("a2", agent: "guide", parent: "a", .paused, began: cursor(4)),
        ThreadOccupancy.Run("a11", agent: "guide", parent: "a1", .waiting, began: cursor(5), approvals: ["ap"]),
        ThreadOccupancy.Run("q", agent: "guide", .queued, began: cursor(6)),
    ])

    private static func decide(
        _ action: RunCommand.Action,
        run: RunID? = nil,
        _ fence: CommandFence = .none,
        isUsed: Bool? = nil,
        takesCustom: Bool = true
    ) -> CommandDecision {
        RunCommand(action, run: run, by: "u_1").decide(
            on: occupancy, fence: fence, isUsed: isUsed, takesCustom: { _ in takesCustom })
    }

    @Test(arguments: [
        (CommandFence.none, "agent_cancelled a, agent_cancelled b, agent_cancelled q", [] as [RunID]),
        (.unknown, "agent_cancelled a, agent_cancelled b, agent_cancelled q", []),
        (.through(6), "agent_cancelled a, agent_cancelled b, agent_cancelled q", []),
        (.through(5), "agent_cancelled a, agent_cancelled b", ["q"]),
        (.through(2), "agent_cancelled a", ["b", "q"]),
        (.through(0), "unchanged", ["a", "b", "q"]),
    ])
    func aStopEndsWhatItsSenderSaw(_ fence: CommandFence, _ events: String, _ left: [RunID]) {
        let decision = Self.decide(.stop, fence)
        #expect(Self.word(decision) == events)
        #expect(decision.details?.left.map(\.runID) == left)
        #expect(decision.details?.isCursorUnknown == (fence == .unknown))
        // A stale id is none that anything depends on, when the sender says what it saw.
        if fence != .none { #expect(Self.decide(.stop, run: "old", fence, isUsed: true) == decision) }
    }

    @Test func aStopOfOneRunLeavesTheOthers() {
        let decision = Self.decide(.stop, run: "a1", .through(1))
        #expect(Self.word(decision) == "agent_cancelled a1")
        #expect(decision.details?.left.map(\.runID) == ["a", "b", "q"])
    }

    /// Innermost first, and resumed in the reverse order; what is so already is left out.
    @Test func aPauseCoversTheTree() {
        #expect(Self.word(Self.decide(.pause)) == "agent_paused a11, agent_paused a1, agent_paused a")
        #expect(Self.word(Self.decide(.pause, run: "a1")) == "agent_paused a11, agent_paused a1")
        #expect(Self.word(Self.decide(.pause, run: "b")) == "unchanged")
        #expect(Self.word(Self.decide(.resume)) == "agent_resumed b, agent_resumed a2")
        #expect(Self.word(Self.decide(.resume, run: "a")) == "agent_resumed a2")
        #expect(Self.word(Self.decide(.resume, run: "a1")) == "unchanged")
        #expect(Self.word(Self.decide(.resume, .through(2))) == "agent_resumed a2")
    }

    @Test func aCustomCommandIsForTheNewestRunThatHasStarted() {
        #expect(Self.word(Self.decide(.custom("a.b", value: 1))) == "run.paused")
        #expect(Self.word(Self.decide(.custom("a.b", value: 1), .through(2))) == "custom a")
        #expect(
            Self.word(Self.decide(.custom("a.b", value: 1), .through(2), takesCustom: false)) == "command.unsupported")
        let none = RunCommand(.custom("a.b", value: 1)).decide(
            on: ThreadOccupancy([]), fence: .none, isUsed: nil, takesCustom: { _ in true })
        #expect(Self.word(none) == "run.not_open")
    }

    /// A program outside reads the command like any other event: nobody else has to take it.
    @Test func aRunThatIsHostedOutsideTakesCustomCommands() {
        let occupancy = ThreadOccupancy([ThreadOccupancy.Run("o", agent: "far", host: .outside, .running)])
        let decision = RunCommand(.custom("a.b", value: 1), by: "u_1").decide(
            on: occupancy, fence: .none, isUsed: nil, takesCustom: { _ in false })
        guard case .log(let drafts, _) = decision else {
            Issue.record("\(decision)")
            return
        }
        #expect(drafts == [EventDraft(runID: "o", .custom(CustomEvent(name: "a.b", value: 1, by: "u_1")))])
    }
}

extension CommandDecision {
    fileprivate var details: CommandDetails? {
        switch self {
        case .log(_, let details), .unchanged(let details), .ended(_, let details): details
        case .refuse, .lookUp: nil
        }
    }
}
