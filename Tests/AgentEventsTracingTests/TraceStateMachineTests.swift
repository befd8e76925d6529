import AgentEvents
import Testing

@testable import AgentEventsTracing

/// Events in, spans out.
struct TraceStateMachineTests {
    @Test func aRunAndItsCallsAreATree() throws {
        var script = Script()
        script.begin()
        script.call("c_1")
        script.call("c_2")
        script.complete("c_2")
        script.begin("r_2", parent: "r_1", call: "c_1")
        script.call("c_1", run: "r_2")
        script.complete("c_1", run: "r_2")
        script.end("r_2")
        script.complete("c_1")
        script.end(usage: TokenUsage(inputTokens: 12, outputTokens: 34))
        let spans = script.spans
        let trace = SpanIdentity.trace(of: "r_1", in: "t_1")
        #expect(
            spans.map(\.name) == [
                "execute_tool search", "execute_tool search", "invoke_agent guide", "execute_tool search",
                "invoke_agent guide",
            ])
        #expect(Set(spans.map(\.traceID)) == [trace])
        let root = SpanIdentity.span(of: "r_1", in: "t_1")
        let child = SpanIdentity.span(of: "r_2", in: "t_1")
        let outer = SpanIdentity.span(of: "c_1", at: 2, run: "r_1", in: "t_1")
        #expect(
            spans.map(\.spanID) == [
                SpanIdentity.span(of: "c_2", at: 3, run: "r_1", in: "t_1"),
                SpanIdentity.span(of: "c_1", at: 6, run: "r_2", in: "t_1"), child, outer, root,
            ])
        #expect(spans.map(\.parentSpanID) == [root, child, outer, root, nil])
        #expect(spans.map(\.start) == [3, 6, 5, 2, 1].map { Script.time($0) })
        #expect(spans.map(\.end) == [4, 7, 8, 9, 10].map { Script.time($0) })
        let run = try #require(spans.last)
        #expect(run.text("gen_ai.operation.name") == "invoke_agent")
        #expect(run.text("gen_ai.agent.name") == "guide")
        #expect(run.text("gen_ai.conversation.id") == "t_1")
        #expect(run.text("gen_ai.usage.input_tokens") == "12")
        #expect(run.text("gen_ai.usage.output_tokens") == "34")
        #expect(run.text("agent_events.run.id") == "r_1")
        #expect(run.text("agent_events.run.outcome") == "completed")
        #expect(run.text("agent_events.incomplete") == nil)
        #expect(spans[0].text("gen_ai.tool.name") == "search")
        #expect(spans[0].text("gen_ai.tool.call.id") == "c_2")
        #expect(spans[0].text("agent_events.tool.status") == "succeeded")
        #expect(spans.allSatisfy { !$0.isError })
    }

    /// Computed with Python: hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]
    @Test func idsAreTheOnesThatAreDocumented() {
        #expect(SpanIdentity.trace(of: "r_1", in: "t_1") == "9f4034d28d9b32a0a86b5e10ada1e61e")
        #expect(SpanIdentity.span(of: "r_1", in: "t_1") == "738d3dd64396f499")
        #expect(SpanIdentity.span(of: "c_1", at: 42, run: "r_1", in: "t_1") == "453bcef3b9d51d1d")
    }

    @Test func aChildWithoutACallIsBelowItsParent() {
        var script = Script()
        script.begin()
        script.begin("r_2", parent: "r_1")
        script.end("r_2")
        script.end()
        #expect(script.spans.map(\.parentSpanID) == [SpanIdentity.span(of: "r_1", in: "t_1"), nil])
    }

    @Test func anIdOfACallThatIsUsedAgainIsAnotherSpan() {
        var script = Script()
        script.begin()
        for _ in 0..<3 {
            script.call("c_1")
            script.complete("c_1")
        }
        #expect(Set(script.spans.map(\.spanID)).count == 3)
    }

    @Test(
        arguments: [
            (ToolStatus.succeeded, nil, nil), (.failed, "file.unreadable", "file.unreadable"), (.failed, nil, "failed"),
            (.timedOut, nil, "timed_out"), (.cancelled, "tool.abandoned", nil), (.denied, "approval.denied", nil),
            (.failed, "No such file: hidden", "_OTHER"), (.failed, "", "_OTHER"),
            (.failed, String(repeating: "x", count: 129), "_OTHER"),
        ] as [(ToolStatus, String?, String?)])
    func aCallThatDidNotSucceedIsAnError(_ status: ToolStatus, _ code: String?, _ type: String?) throws {
        var script = Script()
        script.begin()
        script.call("c_1")
        script.complete("c_1", status, error: code.map { ToolFailure(code: $0, message: "hidden") })
        let span = try #require(script.spans.first)
        #expect(span.isError == (type != nil))
        #expect(span.text("error.type") == type)
        #expect(span.text("agent_events.tool.status") == status.rawValue)
    }

    @Test func runsEndInThreeWays() {
        var script = Script()
        script.begin("r_1")
        script.begin("r_2")
        let failure = RunFailure(code: "run.lost", message: "hidden", retryable: true)
        script.add(.agentFailed(AgentFailed(error: failure, durationMilliseconds: 1)), run: "r_1")
        script.add(.agentCancelled(AgentCancelled(reason: "hidden", by: "u_1", durationMilliseconds: 1)), run: "r_2")
        let spans = script.spans
        #expect(spans.map(\.isError) == [true, false])
        #expect(spans.map { $0.text("agent_events.run.outcome") } == ["failed", "cancelled"])
        #expect(spans.map { $0.text("error.type") } == ["run.lost", nil])
    }

    @Test func aQueuedRunStartsWithItsStart() throws {
        var script = Script()
        script.add(.agentQueued(AgentQueued(input: "hidden")))
        script.add(.agentProgress(AgentProgress(message: "hidden")))
        script.add(.agentStarted(AgentStarted(attempt: 2, retryOf: "r_0")))
        script.add(.usageReported(UsageReported(model: "claude-x.1", inputTokens: 1, outputTokens: 2)))
        script.add(.usageReported(UsageReported(model: "hidden words", inputTokens: 1, outputTokens: 2)))
        script.end()
        let span = try #require(script.spans.first)
        #expect(span.start == Script.time(3))
        #expect(span.text("agent_events.run.queued_ms") == "2000")
        #expect(span.text("agent_events.run.attempt") == "2")
        #expect(span.text("agent_events.run.retry_of") == "r_0")
        #expect(span.text("gen_ai.response.model") == "claude-x.1")
    }

    @Test func aRunThatNeverStartedIsFromItsPlaceInTheQueue() {
        var script = Script()
        script.add(.agentQueued(AgentQueued()))
        script.add(.agentCancelled(AgentCancelled(durationMilliseconds: 0)))
        #expect(script.spans.map(\.start) == [Script.time(1)])
    }

    @Test func aRunLinksToWhereItWasAskedFor() {
        let other = TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-10f067aa0ba902b7-00")
        var script = Script()
        script.message("m_1", caller)
        script.message("m_2", nil)
        script.begin(messages: ["m_1", "m_2", "m_9"], trace: caller)
        script.message("m_3", other)
        script.add(.inputTaken(InputTaken(messageIDs: ["m_3"])))
        script.end()
        #expect(script.spans.map(\.links) == [[caller, other].compactMap(\.self)])
    }

    @Test func linksAndMessagesAreBounded() {
        var settings = TraceStateMachine.Settings()
        settings.maximumLinkCount = 2
        settings.maximumMessageCount = 3
        var machine = TraceStateMachine(settings)
        var script = Script()
        for number in 0..<5 {
            let span = "10f067aa0ba902b\(number)"
            let trace = TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-\(span)-00")
            script.message(MessageID(stringLiteral: "m_\(number)"), trace)
        }
        script.begin(messages: ["m_0", "m_1", "m_2", "m_3", "m_4"])
        script.end()
        #expect(script.spans(&machine).first?.links.map(\.spanID) == ["10f067aa0ba902b2", "10f067aa0ba902b3"])
    }

    @Test func noSpanHasContents() {
        var script = Script()
        script.message("m_1", caller)
        script.begin()
        script.call("c_1")
        script.complete("c_1", .failed, error: ToolFailure(code: "hidden words", message: "hidden"))
        let failure = RunFailure(code: "a hidden", message: "hidden", retryable: true)
        script.add(.agentFailed(AgentFailed(error: failure, durationMilliseconds: 1)))
        #expect(script.spans.count == 2)
        #expect(!"\(script.spans)".contains("hidden"))
    }

    // MARK: What is not known

    @Test func whatIsNotKnownIsAskedForOnce() throws {
        var script = Script()
        script.begin()
        script.call("c_1")
        script.begin("r_2", parent: "r_1")
        script.call("c_2", run: "r_2")
        script.complete("c_2", run: "r_2")
        script.end("r_2")
        script.complete("c_1")
        script.end()
        let whole = script.spans
        let needs: [RunID?] = [nil, nil, "r_1", nil, "r_2", "r_2", "r_1", "r_1"]
        for (place, event) in script.events.enumerated() {
            // A machine that has seen nothing before this event.
            var machine = TraceStateMachine()
            guard case .needs(let run) = machine.receive(event) else {
                #expect(needs[place] == nil)
                continue
            }
            #expect(run == needs[place])
            var past = TraceStateMachine()
            for earlier in script.events.prefix(place) { _ = past.receive(earlier, isRecalled: true) }
            #expect(past.unknownAncestor(of: run, in: "t_1") == nil)
            machine.adopt(from: past)
            var spans: [TraceSpan] = []
            for later in script.events[place...] {
                guard case .spans(let made) = machine.receive(later, isRecalled: later.id == event.id) else {
                    Issue.record("asks again at \(later.sequence)")
                    continue
                }
                spans += made
            }
            // The four ends are at the places 4 to 7.
            #expect(spans == whole.suffix(8 - max(place, 4)))
        }
    }

    @Test func aRunWhoseMessagesCameEarlierIsAskedFor() {
        var script = Script()
        script.message("m_1", caller)
        script.message("m_2", nil)
        script.add(.agentQueued(AgentQueued(messageIDs: ["m_1"])))
        script.begin(messages: ["m_1", "m_2"])
        script.end()
        let whole = script.spans
        #expect(whole.first?.text("agent_events.run.queued_ms") == "1000")
        var machine = TraceStateMachine()
        #expect(machine.receive(script.events[3]) == .needs("r_1"))
        var past = TraceStateMachine()
        for event in script.events.prefix(3) { _ = past.receive(event, isRecalled: true) }
        machine.adopt(from: past)
        #expect(machine.receive(script.events[3]) == .spans([]))
        #expect(machine.receive(script.events[4]) == .spans(whole))
        // Messages that are known, with a place or without one, ask for nothing.
        machine = TraceStateMachine()
        for event in script.events.prefix(2) { _ = machine.receive(event) }
        #expect(machine.receive(script.events[3]) == .spans([]))
    }

    @Test func whatCannotBeReadIsMadeOfItsEnd() throws {
        var script = Script()
        script.complete("c_1")
        script.end()
        var machine = TraceStateMachine()
        #expect(machine.receive(script.events[0]) == .needs("r_1"))
        guard case .spans(let call) = machine.receive(script.events[0], isRecalled: true),
            case .spans(let run) = machine.receive(script.events[1], isRecalled: true)
        else {
            Issue.record("makes spans")
            return
        }
        #expect(call.map(\.start) == [Timestamp(milliseconds: Script.time(1).milliseconds - 1500)])
        #expect(run.map(\.start) == [Timestamp(milliseconds: Script.time(2).milliseconds - 2500)])
        #expect((call + run).allSatisfy { $0.text("agent_events.incomplete") == "true" })
        #expect(call.first?.parentSpanID == run.first?.spanID)
        #expect(call.first?.traceID == run.first?.traceID)
    }

    @Test func aParentThatIsNotReadYetIsNamed() {
        var script = Script()
        script.begin("r_3", parent: "r_2")
        var past = TraceStateMachine()
        _ = past.receive(script.events[0], isRecalled: true)
        #expect(past.unknownAncestor(of: "r_3", in: "t_1") == "r_2")
        // And nothing half-known is taken over.
        var machine = TraceStateMachine()
        machine.adopt(from: past)
        #expect(machine.openCount == 0)
    }

    @Test func anEventThatComesAgainChangesNothing() {
        var script = Script()
        script.begin()
        script.call("c_1")
        script.complete("c_1")
        var machine = TraceStateMachine()
        #expect(script.spans(&machine).count == 1)
        for event in script.events { #expect(machine.receive(event) == .spans([])) }
        #expect(machine.openCount == 1)
    }

    @Test func tooMuchThatIsOpenIsForgottenFromTheFirstOn() {
        var settings = TraceStateMachine.Settings()
        settings.maximumOpenCount = 4
        var machine = TraceStateMachine(settings)
        var script = Script()
        script.begin("r_1")
        script.call("c_1", run: "r_1")
        script.begin("r_2")
        script.call("c_1", run: "r_2")
        script.call("c_2", run: "r_2")
        script.complete("c_2", run: "r_2")
        script.complete("c_1", run: "r_1")
        for event in script.events.dropLast() { _ = machine.receive(event) }
        #expect(machine.openCount == 2)
        #expect(machine.receive(script.events[6]) == .needs("r_1"))
        // One run alone is kept, however many calls it has.
        for number in 0..<10 { script.call(CallID(stringLiteral: "k_\(number)"), run: "r_2") }
        for event in script.events.dropFirst(7) { _ = machine.receive(event) }
        #expect(machine.openCount == 12)
    }

    @Test func aThreadIsForgottenAndNoOther() {
        var machine = TraceStateMachine()
        var scripts = [Script(thread: "t_1"), Script(thread: "t_2")]
        for index in scripts.indices {
            scripts[index].message("m_1", caller)
            scripts[index].begin()
            scripts[index].call("c_1")
            #expect(scripts[index].spans(&machine) == [])
        }
        #expect(machine.openCount == 4)
        machine.forget("t_1")
        #expect(machine.openCount == 2)
        #expect(machine.keptOrderCount == 1)
        for index in scripts.indices {
            scripts[index].begin("r_2", messages: ["m_1"])
            scripts[index].end()
        }
        // Neither its message is known, nor its run.
        #expect(machine.receive(scripts[0].events[3]) == .needs("r_2"))
        #expect(machine.receive(scripts[0].events[4]) == .needs("r_1"))
        #expect(machine.receive(scripts[1].events[3]) == .spans([]))
        #expect(machine.receive(scripts[1].events[4]) == .spans(scripts[1].spans))
    }

    @Test func manyRunsThatEndLeaveNothing() {
        var machine = TraceStateMachine()
        var script = Script()
        script.begin("r_long")
        for number in 0..<5000 {
            let run = RunID(stringLiteral: "r_\(number)")
            script.begin(run)
            script.end(run)
        }
        #expect(script.spans(&machine).count == 5000)
        #expect(machine.openCount == 1)
        #expect(machine.keptOrderCount <= 1030)
    }

    @Test(arguments: EventType.allCases)
    func onlyWhatSaysSomethingIsDecoded(_ type: EventType) {
        let isOfInterest = TraceStateMachine.isOfInterest(Array(#"{"type":"\#(type.rawValue)","id":"3-1"}"#.utf8))
        switch type {
        case .agentQueued, .agentStarted, .inputTaken, .toolExecuting, .toolCompleted, .usageReported, .agentCompleted,
            .agentFailed, .agentCancelled, .userMessage:
            #expect(isOfInterest)
        default:
            #expect(!isOfInterest)
        }
    }
}
