/// Whether a pattern has to account for every event.
public enum Exhaustivity: Hashable, Sendable {
    /// Every event is matched by the pattern; one that is not is a failure.
    case on
    /// Events that the pattern does not match are passed over; the others come in its order.
    case off
}
