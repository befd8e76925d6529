/// What went wrong in a run.
public struct RunFailure: Hashable, Sendable {
    /// Dotted and stable, for programs: `run.lost`.
    public var code: String
    /// For people.
    public var message: String
    /// Whether running the agent again may help.
    public var retryable: Bool

    public init(code: String, message: String, retryable: Bool) {
        self.code = code
        self.message = message
        self.retryable = retryable
    }
}
