/// The user of a thread has used the tokens that there are for a day (``RuntimeConfiguration/tokensPerUserAndDay``): a run that begins
/// fails with this.
public struct TokenBudgetError: CodedError, Hashable, CustomStringConvertible {
    /// The tokens of a user for one day.
    public let limit: Int64
    /// The tokens that the user has used on this day, read and written.
    public let used: Int64
    /// When the next day begins, in UTC; runs can begin again then.
    public let nextDay: Timestamp

    public var eventCode: String { "run.budget_exceeded" }
    public var eventMessage: String { description }
    /// On the next day.
    public var isRetryable: Bool { true }

    public var description: String {
        "the user has used \(used) of the \(limit) tokens that there are for a day; the next one begins at \(nextDay.rfc3339)"
    }

    /// More about it for programs, in `agent_failed`.
    var details: JSONObject {
        ["limit": .integer(limit), "used": .integer(used), "next_day": .string(nextDay.rfc3339)]
    }

    var failure: RunFailure {
        RunFailure(code: eventCode, message: eventMessage, retryable: isRetryable, details: details)
    }
}
