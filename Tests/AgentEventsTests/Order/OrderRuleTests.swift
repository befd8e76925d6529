import AgentEvents
import Testing

/// One short story for each rule: it can be broken, and the error says what was wrong and what would have been right.
@Suite struct OrderRuleTests {
    private struct Story {
        var policy = OrderPolicy.standard
        var accepted: [OrderInput]
        var rejected: OrderInput
        var message: String
    }

    private static let start = OrderInput("r_1", agent: "guide", .start())
    private static let whenRunning =
        "input_taken, agent_thinking, agent_progress, message_delta, message_completed, tool_executing, "
        + "approval_requested, usage_reported, agent_paused, agent_completed, agent_failed, agent_cancelled, custom"

    private static func story(of rule: OrderRule) -> Story {
        switch rule {
        case .notStarted:
            Story(
                accepted: [],
                rejected: OrderInput("r_1", .think),
                message: "the run has not started, its first event is agent_started or agent_queued "
                    + "(run r_1: not started; legal now: agent_queued, agent_started)"
            )
        case .alreadyStarted:
            Story(
                accepted: [start],
                rejected: start,
                message: "a run of this id has started before, a run id is used once in a thread "
                    + "(run r_1: running; legal now: \(whenRunning))"
            )
        case .alreadyEnded:
            Story(
                accepted: [start, OrderInput("r_1", .complete)],
                rejected: OrderInput("r_1", .fail),
                message: "the run has ended, nothing follows its terminal event (run r_1: ended; legal now: nothing)"
            )
        case .callReused:
            Story(
                accepted: [
                    start, OrderInput("r_1", .call("c_1", "read")), OrderInput("r_1", .callEnd("c_1", "read")),
                    OrderInput("r_1", .call("c_1")),
                ],
                rejected: OrderInput("r_1", .call("c_1")),
                message: "call c_1 is open already, its id may be used again after its tool_completed "
                    + "(run r_1: running, open: call c_1 (search); legal now: input_taken, agent_thinking, "
                    + "agent_progress, message_delta, message_completed, tool_executing, tool_progress, tool_completed, "
                    + "approval_requested, usage_reported, agent_paused, agent_failed, agent_cancelled, custom)"
            )
        case .callNotOpen:
            Story(
                accepted: [start],
                rejected: OrderInput("r_1", .callEnd("c_1")),
                message: "call c_1 is not open (run r_1: running; legal now: \(whenRunning))"
            )
        case .messageClosed:
            Story(
                accepted: [start, OrderInput("r_1", .message("m_1"))],
                rejected: OrderInput("r_1", .delta("m_1")),
                message: "message m_1 is completed and is not reopened (run r_1: running; legal now: \(whenRunning))"
            )
        case .approvalNotOpen:
            Story(
                accepted: [start],
                rejected: OrderInput("r_1", .answer("a_1")),
                message: "approval a_1 is not open (run r_1: running; legal now: \(whenRunning))"
            )
        case .approvalReused:
            Story(
                accepted: [start, OrderInput("r_1", .ask("a_1")), OrderInput("r_1", .answer("a_1"))],
                rejected: OrderInput("r_1", .ask("a_1")),
                message: "approval a_1 is not new in its run (run r_1: running; legal now: \(whenRunning))"
            )
        case .workOpen:
            Story(
                accepted: [
                    start, OrderInput("r_1", .call("c_1")), OrderInput("r_1", .ask("a_1", call: "c_1")),
                    OrderInput("r_2", agent: "finder", .start(parent: "r_1", call: "c_1")),
                    OrderInput("r_1", .delta("m_1")), OrderInput("r_1", .ask("a_2")), OrderInput("r_1", .answer("a_2")),
                ],
                rejected: OrderInput("r_1", .complete),
                message: "the run cannot complete while this is open: "
                    + "call c_1 (search), approval a_1 (call c_1), child run r_2, message m_1 "
                    + "(run r_1: running, open: call c_1 (search), approval a_1 (call c_1), child run r_2, message m_1; "
                    + "legal now: input_taken, agent_thinking, agent_progress, message_delta, message_completed, "
                    + "tool_executing, tool_progress, tool_completed, approval_requested, approval_resolved, "
                    + "usage_reported, agent_paused, "
                    + "agent_failed, agent_cancelled, custom)"
            )
        case .paused:
            Story(
                accepted: [start, OrderInput("r_1", .call("c_1")), OrderInput("r_1", .pause)],
                rejected: OrderInput("r_1", .think),
                message: "the run is paused and takes no agent_thinking until it is resumed "
                    + "(run r_1: paused, open: call c_1 (search); "
                    + "legal now: tool_progress, tool_completed, usage_reported, agent_resumed, agent_failed, agent_cancelled)"
            )
        case .notPaused:
            Story(
                accepted: [start],
                rejected: OrderInput("r_1", .resume),
                message: "the run is not paused, agent_resumed follows agent_paused "
                    + "(run r_1: running; legal now: \(whenRunning))"
            )
        case .parentNotOpen:
            Story(
                accepted: [start, OrderInput("r_1", .complete)],
                rejected: OrderInput("r_2", agent: "finder", .start(parent: "r_1")),
                message: "the parent run r_1 is not open (run r_2: not started; "
                    + "legal now: agent_queued, agent_started)"
            )
        case .agentMismatch:
            Story(
                accepted: [start],
                rejected: OrderInput("r_1", agent: "search_files", .think),
                message: "the event names the agent search_files, the run is one of guide "
                    + "(run r_1: running; legal now: \(whenRunning))"
            )
        case .messageTooLong:
            Story(
                accepted: [start, OrderInput("r_1", .delta("m_1", "ä👋"))],
                rejected: OrderInput("r_1", .delta("m_1", "123")),
                message: "message m_1 would have more than 8 bytes of text, complete it and open another one "
                    + "(run r_1: running, open: message m_1; legal now: input_taken, agent_thinking, agent_progress, "
                    + "message_delta, message_completed, tool_executing, approval_requested, usage_reported, agent_paused, agent_failed, "
                    + "agent_cancelled, custom)"
            )
        case .notCanonical:
            Story(
                policy: .canonical,
                accepted: [start],
                rejected: OrderInput("r_1", .call("c_1")),
                message: "the run has not thought yet, it thinks before it calls a tool "
                    + "(run r_1: running; legal now: input_taken, agent_thinking, agent_progress, message_delta, "
                    + "message_completed, approval_requested, usage_reported, agent_paused, agent_failed, agent_cancelled, custom)"
            )
        }
    }

    @Test(arguments: OrderRule.allCases)
    func ruleCanBeBrokenAndSaysHow(rule: OrderRule) {
        let story = Self.story(of: rule)
        var machine = ThreadStateMachine(policy: story.policy, maximumMessageByteCount: 8)
        for input in story.accepted { #expect(machine.receive(input).rule == nil) }
        let before = machine
        let violation = machine.receive(story.rejected).violation
        #expect(violation?.rule == rule)
        #expect(violation?.message == story.message)
        #expect(machine == before)
    }

    @Test func longListOfOpenWorkIsCut() throws {
        var machine = ThreadStateMachine(policy: .standard)
        #expect(machine.start("r_1").rule == nil)
        for number in 1...25 { #expect(machine.receive("r_1", .delta(try MessageID("m_\(number)"))).rule == nil) }
        let violation = try #require(machine.receive("r_1", .complete).violation)
        #expect(violation.state.hasSuffix("message m_19, message m_20 and 5 more"))
    }

    @Test func canonicalRunNeedsAThoughtAndACompletedCall() {
        var machine = ThreadStateMachine(policy: .canonical)
        #expect(machine.start("r_1").rule == nil)
        #expect(machine.receive("r_1", .complete).violation?.problem == "the run cannot complete without a thought")
        #expect(machine.receive("r_1", .think).rule == nil)
        #expect(
            machine.receive("r_1", .complete).violation?.problem
                == "the run cannot complete without a completed tool call"
        )
        #expect(machine.receive("r_1", .call("c_1")).rule == nil)
        #expect(machine.receive("r_1", .complete).rule == .workOpen)
        #expect(machine.receive("r_1", .callEnd("c_1")).rule == nil)
        #expect(machine.receive("r_1", .complete).rule == nil)
    }

    @Test func canonicalRunMayFailAtAnyTime() {
        var machine = ThreadStateMachine(policy: .canonical)
        #expect(machine.start("r_1").rule == nil)
        #expect(machine.receive("r_1", .fail).acceptance?.closing == [])
    }

    @Test func usedRunOfAnEarlierTimeIsNotStartedAgain() {
        var machine = ThreadStateMachine(policy: .standard)
        let time = Timestamp(milliseconds: 0)
        let lookedUp: [RunID: Bool] = ["r_1": true, "r_2": false]
        func rule(_ run: RunID, _ payload: EventPayload) -> OrderRule? {
            machine.check(EventDraft(runID: run, agent: "guide", payload), at: time, lookedUp: lookedUp).rule
        }
        #expect(rule("r_1", .start()) == .alreadyStarted)
        #expect(rule("r_1", .think) == .alreadyEnded)
        #expect(rule("r_2", .think) == .notStarted)
        #expect(rule("r_2", .start()) == nil)
        // Of the others only the log can tell.
        for payload in [EventPayload.start(), .think, .complete, .userMessage] {
            let action = machine.check(EventDraft(runID: "r_3", payload), at: time, lookedUp: lookedUp)
            #expect(action == .lookUp("r_3"))
        }
    }

    /// Providers number the calls of each answer from 0, or have one id for all.
    @Test func callsOfOneIdPairByOrder() {
        let approvals: [ApprovalID] = ["a_0", "a_1", "a_2"]
        var machine = ThreadStateMachine(policy: .standard)
        #expect(machine.start("r_1", at: 1).rule == nil)
        for round in 0..<3 as Range<Int64> {
            let tool: ToolName = round == 1 ? "read" : "search"
            #expect(machine.receive("r_1", .call("call_0", tool), at: 10 * round).rule == nil)
            #expect(machine.openedTime(ofCall: "call_0", in: "r_1") == Timestamp(milliseconds: 10 * round))
            #expect(machine.receive("r_1", .ask(approvals[Int(round)], call: "call_0")).rule == nil)
            #expect(machine.receive("r_1", .callEnd("call_0", round == 1 ? "search" : "read")).rule == .callNotOpen)
            #expect(machine.receive("r_1", .callEnd("call_0", tool)).rule == nil)
            #expect(machine.receive("r_1", .callEnd("call_0", tool)).rule == .callNotOpen)
            #expect(machine.receive("r_1", .callProgress("call_0")).rule == .callNotOpen)
        }
        // An approval's id is used once, and it does not wait for the call.
        #expect(machine.receive("r_1", .call("call_0")).rule == nil)
        #expect(machine.receive("r_1", .ask("a_0", call: "call_0")).rule == .approvalReused)
        #expect(machine.receive("r_1", .fail, at: 99).acceptance?.closing.count == 4)
    }

    @Test func openItemsCanBeLookedUp() {
        var machine = ThreadStateMachine(policy: .standard)
        #expect(machine.start("r_1", at: 5).rule == nil)
        #expect(machine.receive("r_1", .delta("m_1", "Hel"), at: 6).rule == nil)
        #expect(machine.receive("r_1", .call("c_1"), at: 7).rule == nil)
        #expect(machine.receive("r_1", .delta("m_1", "lo"), at: 8).rule == nil)
        #expect(machine.isOpen("r_1") && !machine.isOpen("r_2"))
        #expect(machine.startTime(of: "r_1") == Timestamp(milliseconds: 5))
        #expect(machine.agent(of: "r_1") == "guide")
        #expect(machine.openMessageText("m_1", in: "r_1") == "Hello")
        #expect(machine.openedTime(ofCall: "c_1", in: "r_1") == Timestamp(milliseconds: 7))
        #expect(machine.receive("r_1", .message("m_1")).rule == nil)
        #expect(machine.receive("r_1", .callEnd("c_1")).rule == nil)
        #expect(machine.openMessageText("m_1", in: "r_1") == nil)
        #expect(machine.openedTime(ofCall: "c_1", in: "r_1") == nil)
        #expect(machine.receive("r_1", .complete).rule == nil)
        #expect(machine.startTime(of: "r_1") == nil)
        #expect(machine.agent(of: "r_1") == nil)
    }
}
