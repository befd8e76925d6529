/// What went wrong in a tool call.
public struct ToolFailure: Hashable, Sendable {
    /// Dotted and stable, for programs: `file.unreadable`.
    public var code: String
    /// For people.
    public var message: String

    public init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}
