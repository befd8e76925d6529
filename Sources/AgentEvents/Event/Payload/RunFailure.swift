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

extension RunFailure {
    private static let lostCode = "run.lost"

    /// The process that hosted the run ended before the run did.
    package static let lostWithProcess = RunFailure(
        code: lostCode, message: "the process that ran the agent ended before the run did", retryable: true)

    /// Nothing came for a run that is hosted outside for as long as it may be idle.
    package static func lost(after milliseconds: Int64) -> RunFailure {
        let rest = milliseconds % 1000
        let fraction = rest == 0 ? "" : "." + String(1000 + rest).dropFirst()
        return RunFailure(
            code: lostCode,
            message: "nothing came from the program that emits the run for \(milliseconds / 1000)\(fraction) s",
            retryable: true)
    }
}
