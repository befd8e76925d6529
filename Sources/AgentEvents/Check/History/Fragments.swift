/// The fragments of one message or thought, as one.
struct Fragments: Hashable {
    let run: RunID?
    let agent: AgentName?
    let type: EventType?
    let id: IdentifierText
    let text: String

    /// - Returns: `nil` unless all events are fragments of one message or thought.
    init?(_ events: [AgentEvent]) {
        guard let first = events.first, let start = Self.part(of: first) else { return nil }
        var text = ""
        for event in events {
            guard let part = Self.part(of: event), event.run == first.run, event.type == first.type,
                part.id == start.id
            else { return nil }
            text += part.text
        }
        run = first.run
        agent = first.agent
        type = first.type
        id = start.id
        self.text = text
    }

    private static func part(of event: AgentEvent) -> (id: IdentifierText, text: String)? {
        switch event.payload {
        case .messageDelta(let delta): (delta.message.text, delta.text)
        case .agentThinking(let thinking): (thinking.thought.text, thinking.text)
        default: nil
        }
    }
}
