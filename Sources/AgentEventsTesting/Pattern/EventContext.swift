import AgentEvents

/// The facts that a matcher can look up beyond one event: the whole texts of thoughts, which come in fragments.
struct EventContext: Sendable {
    private struct Key: Hashable {
        let run: RunID?
        let thought: ThoughtID
    }

    private var thoughts: [Key: String] = [:]

    init(_ events: [AgentEvent]) {
        for event in events {
            guard case .agentThinking(let thinking) = event.payload else { continue }
            thoughts[Key(run: event.runID, thought: thinking.thoughtID), default: ""] += thinking.text
        }
    }

    /// The whole of the thought that the event is a fragment of.
    func thought(of event: AgentEvent) -> String? {
        guard case .agentThinking(let thinking) = event.payload else { return nil }
        return thoughts[Key(run: event.runID, thought: thinking.thoughtID)]
    }
}
