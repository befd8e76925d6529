import AgentEvents
import Testing
import agent_events

@Suite struct EventLineTests {
    private static func event(_ payload: EventPayload) -> AgentEvent {
        AgentEvent(
            id: Cursor(generation: 3, sequence: 42), threadID: "t", runID: "r", agent: "guide",
            time: Timestamp(milliseconds: 1_000), payload: payload)
    }

    @Test func aLineSaysWhatMattersMost() {
        let payload = EventPayload.toolExecuting(
            ToolExecuting(callID: "c", tool: "search_files", arguments: ["query": "why"]))
        #expect(
            EventLine(isColoured: false).line(for: Self.event(payload))
                == #"00:00:01.000 3-42  guide    tool_executing  search_files {"query":"why"}"#)
    }

    /// Ids and names that people give to `command` are there, whatever is cut.
    @Test func aLineHasWhatPeopleName() {
        let long = String(repeating: "x", count: 5000)
        let form: JSONValue = [
            "type": "object", "properties": ["lines": ["type": "integer"], "comment": ["type": "string"]],
        ]
        let cases: [(EventPayload, String)] = [
            (.agentQueued(AgentQueued(input: .string(long), by: "u_1")), "  run r"),
            (.agentStarted(AgentStarted(input: .string(long))), "  run r"), (.agentStarted(AgentStarted()), "  run r"),
            (
                .approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: long, schema: form)),
                "  form: lines, comment"
            ),
            (.approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "May I?")), "  a_1 May I?"),
            (
                .userMessage(UserMessage(messageID: "m_2", userID: "u_1", text: "No", replaces: "m_1")),
                "  u_1: No  instead of m_1"
            ),
            (
                .agentCancelled(AgentCancelled(reason: "superseded", isDiscarded: true, durationMilliseconds: 7)),
                "  after 7 ms superseded  discarded"
            ),
            (.agentCancelled(AgentCancelled(reason: "stopped", durationMilliseconds: 7)), "  after 7 ms stopped"),
        ]
        for (payload, end) in cases {
            let line = EventLine(isColoured: false).line(for: Self.event(payload))
            #expect(line.hasSuffix(end) && line.count < 250, "\(line)")
        }
    }

    /// SEC-55
    @Test func aTextCannotSteerTheTerminal() {
        let payload = EventPayload.messageDelta(MessageDelta(messageID: "m", text: "a\u{1B}[31m\u{7}b\nc\u{202E}d"))
        let line = EventLine(isColoured: false).line(for: Self.event(payload))
        #expect(line.hasSuffix("a\u{FFFD}[31m\u{FFFD}b⏎c\u{FFFD}d"))
        #expect(!line.contains("\u{1B}"))
    }

    @Test func coloursAreThereOnlyWhenAskedFor() {
        let payload = EventPayload.agentCompleted(AgentCompleted(durationMilliseconds: 7))
        #expect(EventLine(isColoured: true).line(for: Self.event(payload)).contains("\u{1B}[32m"))
        #expect(!EventLine(isColoured: false).line(for: Self.event(payload)).contains("\u{1B}"))
    }

    @Test func longTextsAreShortened() {
        let payload = EventPayload.agentThinking(
            AgentThinking(thoughtID: "th", text: String(repeating: "x", count: 5000)))
        #expect(EventLine(isColoured: false).line(for: Self.event(payload)).count < 250)
    }
}
