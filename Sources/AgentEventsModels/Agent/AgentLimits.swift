public import AgentEvents

/// The limits of one run of a ``ModelAgent``. A run that reaches one fails.
public struct AgentLimits: Hashable, Sendable {
    /// The most answers of the model; at least 1. Beyond: `run.step_limit`. Default: 20.
    public var steps: Int
    /// The longest time in which the run works; times in which it is paused, or waits for a person, do not count. Beyond:
    /// `run.deadline`. `nil` for `RuntimeConfiguration.runDeadline`.
    public var deadline: Duration?
    /// The most tokens of the run, read and written, as they are reported. It is looked at before each answer, so the last one
    /// may go beyond it: then the next one is `run.budget_exceeded`. `nil` for no limit.
    public var tokens: Int64?
    /// The most tokens of one answer; `nil` for the model's own limit.
    public var outputTokens: Int?

    public init(steps: Int = 20, deadline: Duration? = nil, tokens: Int64? = nil, outputTokens: Int? = nil) {
        self.steps = steps
        self.deadline = deadline
        self.tokens = tokens
        self.outputTokens = outputTokens
    }
}

/// A run of a ``ModelAgent`` has reached one of its limits, and fails.
public struct AgentLimitError: CodedError, Hashable, CustomStringConvertible {
    /// The limit that was reached.
    @nonexhaustive
    public enum Limit: Hashable, Sendable {
        /// `run.step_limit`.
        case steps(Int)
        /// `run.budget_exceeded`.
        case tokens(Int64)
    }

    public let limit: Limit

    init(_ limit: Limit) { self.limit = limit }

    public var eventCode: String {
        switch limit {
        case .steps: "run.step_limit"
        case .tokens: "run.budget_exceeded"
        }
    }

    public var eventMessage: String { description }

    public var description: String {
        switch limit {
        case .steps(let count): "the model has answered \(count) times, as often as it may in one run"
        case .tokens(let count): "the run has used the \(count) tokens that it may"
        }
    }
}
