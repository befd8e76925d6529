/// The strictness with which a run's order is checked.
@nonexhaustive
public enum OrderPolicy: String, CaseIterable, Sendable {
    /// Thinking and tools are optional.
    case standard
    /// The five-step sequence itself: the run thinks before its first tool call, and has at least one of each.
    case canonical
}
