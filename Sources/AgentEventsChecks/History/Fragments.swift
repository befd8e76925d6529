import AgentEvents

/// The fragments of one message or thought, as one.
struct Fragments: Hashable {
    let run: RunID?
    let agent: AgentName?
    let type: EventType?
    let id: IdentifierText
    let text: String

    /// - Returns: `nil` unless all events are fragments of one message or thought.
    static func joining(_ events: [AgentEvent]) -> Fragments? {
        var joined: Fragments?
        for event in events {
            guard let part = Self.part(of: event) else { return nil }
            let text = (joined?.text ?? "") + part.text
            let next = Fragments(
                run: event.run, agent: joined?.agent ?? event.agent, type: event.type, id: part.id, text: text)
            if let joined, joined.run != next.run || joined.type != next.type || joined.id != next.id { return nil }
            joined = next
        }
        return joined
    }

    private static func part(of event: AgentEvent) -> (id: IdentifierText, text: String)? {
        switch event.payload {
        case .messageDelta(let delta): (delta.message.text, delta.text)
        case .agentThinking(let thinking): (thinking.thought.text, thinking.text)
        default: nil
        }
    }
}
