/// A change of one entry of the thread's shared state: on the wire either `value`, or `removed` as `true`.
public enum StateChange: Hashable, Sendable {
    case value(JSONValue)
    case removed
}
