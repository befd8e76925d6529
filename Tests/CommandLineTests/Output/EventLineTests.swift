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
