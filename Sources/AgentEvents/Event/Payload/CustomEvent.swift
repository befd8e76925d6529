/// An event of the application's own. Belongs to a run, or to the thread. On the wire: `custom`.
public struct CustomEvent: Hashable, Sendable {
    /// The application's name for it; not empty.
    public var name: String
    /// Anything.
    public var value: JSONValue

    public init(name: String, value: JSONValue) {
        self.name = name
        self.value = value
    }
}
