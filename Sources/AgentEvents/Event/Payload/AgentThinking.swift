/// A fragment of a thought. On the wire: `agent_thinking`.
public struct AgentThinking: Hashable, Sendable {
    /// Fragments of one thought share it.
    public var thought: ThoughtID
    /// The fragment.
    public var text: String

    public init(thought: ThoughtID, text: String) {
        self.thought = thought
        self.text = text
    }
}
