import AgentEvents
import Testing

@Suite struct ClosingTests {
    private typealias Closing = ThreadStateMachine.ClosingEvent

    private static func callCancelled(
        _ call: CallID,
        _ tool: ToolName,
        _ error: ToolFailure = .abandoned,
        after milliseconds: Int64
    ) -> EventPayload {
        .toolCompleted(
            ToolCompleted(
                callID: call, tool: tool, status: .cancelled, error: error, durationMilliseconds: milliseconds))
    }

    private static func runCancelled(_ reason: String, after milliseconds: Int64) -> EventPayload {
        .agentCancelled(AgentCancelled(reason: reason, durationMilliseconds: milliseconds))
    }

    @Test func failureClosesWhatIsOpenInnermostFirst() {
        var machine = ThreadStateMachine(policy: .standard)
        #expect(machine.start("r_1", at: 100).rule == nil)
        #expect(machine.receive("r_1", .delta("m_1", "Hel"), at: 110).rule == nil)
        #expect(machine.receive("r_1", .call("c_1", "search"), at: 120).rule == nil)
        #expect(machine.receive("r_1", .ask("a_1", call: "c_1"), at: 130).rule == nil)
        #expect(machine.receive("r_1", .call("c_2", "read"), at: 140).rule == nil)
        #expect(machine.receive("r_1", .delta("m_1", "lo"), at: 150).rule == nil)
        #expect(machine.receive("r_1", .call("c_3", "read"), at: 160).rule == nil)
        #expect(machine.receive("r_1", .callEnd("c_3", "read"), at: 170).rule == nil)

        let acceptance = machine.receive("r_1", .fail, at: 200).acceptance
        #expect(acceptance?.agent == "guide")
        #expect(
            acceptance?.closing == [
                Closing(run: "r_1", agent: "guide", payload: Self.callCancelled("c_2", "read", after: 60)),
                Closing(
                    run: "r_1",
                    agent: "guide",
                    payload: .approvalResolved(ApprovalResolved(approvalID: "a_1", decision: .cancelled))
                ),
                Closing(
                    run: "r_1", agent: "guide", payload: Self.callCancelled("c_1", "search", .notStarted, after: 80)),
                Closing(
                    run: "r_1",
                    agent: "guide",
                    payload: .messageCompleted(MessageCompleted(messageID: "m_1", role: .assistant, text: "Hello"))
                ),
            ]
        )
        #expect(machine.openRuns == [])
        #expect(machine.receive("r_1", .think).rule == .alreadyEnded)
    }

    @Test(arguments: [(EventPayload.fail, "parent run failed"), (.cancel, "parent run cancelled")])
    func endOfAParentCancelsItsChildrenFromTheInnermost(payload: EventPayload, reason: String) {
        var machine = ThreadStateMachine(policy: .standard)
        #expect(machine.start("root", at: 0).rule == nil)
        #expect(machine.receive("root", .call("c_1"), at: 10).rule == nil)
        #expect(machine.start("child", agent: "finder", parent: "root", call: "c_1", at: 20).rule == nil)
        #expect(machine.receive("root", .call("c_2"), at: 30).rule == nil)
        #expect(machine.start("grandchild", agent: "reader", parent: "child", at: 40).rule == nil)
        #expect(machine.receive("grandchild", .call("c_1", "read"), at: 50).rule == nil)
        #expect(machine.receive("child", .call("c_1"), at: 60).rule == nil)
        #expect(machine.receive("child", .pause, at: 70).rule == nil)
        #expect(machine.start("other", at: 80).rule == nil)
        #expect(machine.openRuns == ["root", "child", "grandchild", "other"])
        #expect(machine.openRootRuns == ["root", "other"])

        #expect(
            machine.receive("root", payload, at: 100).acceptance?.closing == [
                Closing(run: "root", agent: "guide", payload: Self.callCancelled("c_2", "search", after: 70)),
                Closing(run: "child", agent: "finder", payload: Self.callCancelled("c_1", "search", after: 40)),
                Closing(run: "grandchild", agent: "reader", payload: Self.callCancelled("c_1", "read", after: 50)),
                Closing(
                    run: "grandchild",
                    agent: "reader",
                    payload: Self.runCancelled("parent run cancelled", after: 60)
                ),
                Closing(run: "child", agent: "finder", payload: Self.runCancelled(reason, after: 80)),
                Closing(run: "root", agent: "guide", payload: Self.callCancelled("c_1", "search", after: 90)),
            ]
        )
        #expect(machine.openRuns == ["other"])
        for run: RunID in ["root", "child", "grandchild"] {
            #expect(machine.start(run).rule == .alreadyStarted)
            #expect(machine.receive(run, .think).rule == .alreadyEnded)
        }
    }

    /// What a call that is closed says of its body.
    @Test(arguments: [
        ([EventPayload.ask("a_1", call: "c_1")], ToolFailure.notStarted),
        ([.ask("a_1")], .abandoned),
        ([.ask("a_1", call: "c_1"), .callProgress("c_1")], .abandoned),
        ([.callProgress("c_1"), .ask("a_1", call: "c_1")], .abandoned),
        ([.ask("a_1", call: "c_1"), .answer("a_1")], .abandoned),
        ([.ask("a_1", call: "c_1"), .answer("a_1"), .ask("a_2", call: "c_1")], .abandoned),
        ([.ask("a_1", call: "c_1"), deny("a_1"), .ask("a_2", call: "c_1")], .notStarted),
        ([.ask("a_1", call: "c_1"), deny("a_1")], .abandoned),
        // The question was about an earlier call of the same id.
        ([.ask("a_1", call: "c_1"), .callEnd("c_1"), .call("c_1")], .abandoned),
        ([.ask("a_1", call: "c_1"), .callEnd("c_1"), .call("c_1"), .answer("a_1")], .abandoned),
        (
            [.ask("a_1", call: "c_1"), .callEnd("c_1"), .call("c_1"), .ask("a_2", call: "c_1"), .answer("a_1")],
            .notStarted
        ),
    ])
    func aClosedCallSaysWhetherItsBodyHadBegun(events: [EventPayload], error: ToolFailure) {
        var machine = ThreadStateMachine(policy: .standard)
        #expect(machine.start("r_1").rule == nil)
        #expect(machine.receive("r_1", .call("c_1")).rule == nil)
        for event in events { #expect(machine.receive("r_1", event).rule == nil) }
        let closing = machine.receive("r_1", .cancel).acceptance?.closing.map(\.payload) ?? []
        let errors = closing.compactMap { payload in
            if case .toolCompleted(let completed) = payload { completed.error } else { nil }
        }
        #expect(errors == [error])
    }

    private static func deny(_ approval: ApprovalID) -> EventPayload {
        .approvalResolved(ApprovalResolved(approvalID: approval, decision: .denied))
    }

    @Test func aCallWithAChildRunHasBegun() {
        var machine = ThreadStateMachine(policy: .standard)
        #expect(machine.start("r_1").rule == nil)
        #expect(machine.receive("r_1", .call("c_1")).rule == nil)
        #expect(machine.receive("r_1", .ask("a_1", call: "c_1")).rule == nil)
        #expect(machine.start("r_2", parent: "r_1", call: "c_1").rule == nil)
        #expect(machine.receive("r_2", .complete).rule == nil)
        let closing = machine.receive("r_1", .fail).acceptance?.closing.map(\.payload)
        #expect(closing?.last == Self.callCancelled("c_1", "search", after: 0))
    }

    /// With a run that is lost, its calls are.
    @Test(arguments: [RunFailure.lostWithProcess, .lost(after: 1000)])
    func aLostRunSaysThatItsCallsAreLost(failure: RunFailure) {
        var machine = ThreadStateMachine(policy: .standard)
        #expect(machine.start("r_1").rule == nil)
        #expect(machine.receive("r_1", .call("c_1")).rule == nil)
        #expect(machine.start("r_2", parent: "r_1").rule == nil)
        #expect(machine.receive("r_2", .call("c_2")).rule == nil)
        #expect(machine.receive("r_2", .call("c_3")).rule == nil)
        #expect(machine.receive("r_2", .ask("a_1", call: "c_3")).rule == nil)
        let lost = EventPayload.agentFailed(AgentFailed(error: failure, durationMilliseconds: 0))
        #expect(
            machine.receive("r_1", lost).acceptance?.closing.map(\.payload) == [
                .approvalResolved(ApprovalResolved(approvalID: "a_1", decision: .cancelled)),
                Self.callCancelled("c_3", "search", .notStarted, after: 0),
                Self.callCancelled("c_2", "search", .lost, after: 0),
                Self.runCancelled("parent run failed", after: 0), Self.callCancelled("c_1", "search", .lost, after: 0),
            ])
    }

    @Test func aQueuedRunThatIsClosedOnlyEnds() {
        var machine = ThreadStateMachine(policy: .standard)
        #expect(machine.receive(OrderInput("r_1", agent: "guide", .queue)).rule == nil)
        #expect(machine.openRuns == ["r_1"])
        #expect(machine.isQueued("r_1"))
        #expect(machine.startTime(of: "r_1") == nil)
        #expect(machine.receive("r_1", .cancel, at: 100).acceptance?.closing == [])
        #expect(machine.openRuns == [])
        #expect(machine.receive(OrderInput("r_1", agent: "guide", .queue)).rule == .alreadyStarted)
    }

    @Test func endOfAChildLeavesItsParentOpen() {
        var machine = ThreadStateMachine(policy: .standard)
        #expect(machine.start("root").rule == nil)
        #expect(machine.start("child", parent: "root").rule == nil)
        #expect(machine.receive("root", .complete).rule == .workOpen)
        #expect(machine.receive("root", .pause).rule == nil)
        #expect(machine.receive("child", .call("c_1")).rule == nil)
        #expect(machine.receive("child", .fail).acceptance?.closing.count == 1)
        #expect(machine.openRuns == ["root"])
        #expect(machine.receive("root", .resume).rule == nil)
        #expect(machine.receive("root", .complete).acceptance?.closing == [])
    }

    @Test func chainOfTenThousandRunsClosesFromTheInnermost() throws {
        let count = 10_000
        var machine = ThreadStateMachine(policy: .standard)
        #expect(machine.start("r_0").rule == nil)
        for number in 1..<count {
            let action = machine.start(try RunID("r_\(number)"), parent: try RunID("r_\(number - 1)"))
            #expect(action.rule == nil)
        }
        let closing = try #require(machine.receive("r_0", .cancel).acceptance?.closing)
        #expect(closing.map(\.run) == (1..<count).reversed().map { RunID(stringLiteral: "r_\($0)") })
        #expect(machine.openRuns == [])
    }

    @Test func durationIsNeverNegative() {
        var machine = ThreadStateMachine(policy: .standard)
        #expect(machine.start("r_1", at: 100).rule == nil)
        #expect(machine.receive("r_1", .call("c_1"), at: 100).rule == nil)
        #expect(
            machine.receive("r_1", .cancel, at: 50).acceptance?.closing == [
                Closing(run: "r_1", agent: "guide", payload: Self.callCancelled("c_1", "search", after: 0))
            ]
        )
    }
}
