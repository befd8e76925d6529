public import AgentEvents

/// What the service says when it refuses a request.
public struct Refusal: Hashable, Sendable {
    /// Dotted and stable: `order.call_not_open`.
    public var code: String
    /// For people.
    public var message: String
    /// Whether the same request may succeed later.
    public var isRetryable: Bool
    /// How long to wait before that, in milliseconds.
    public var retryAfterMilliseconds: Int64?
    /// Which event of a batch was at fault, from 0.
    public var index: Int?
    /// The way to the fault: `$.events[3].data.call_id`.
    public var path: String?
    /// The state of the run whose order was broken, in words.
    public var state: String?
    /// The types of event that would have been legal.
    public var legal: [String]?
    /// The thread that the request was about.
    public var thread: ThreadID?

    public init(
        code: String,
        message: String,
        isRetryable: Bool = false,
        retryAfterMilliseconds: Int64? = nil,
        index: Int? = nil,
        path: String? = nil,
        state: String? = nil,
        legal: [String]? = nil,
        thread: ThreadID? = nil
    ) {
        self.code = code
        self.message = message
        self.isRetryable = isRetryable
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.index = index
        self.path = path
        self.state = state
        self.legal = legal
        self.thread = thread
    }

    /// Reads the members of an `error` message, or of the `error` in an HTTP body.
    init?(_ value: JSONValue) {
        guard let code = value["code"]?.stringValue else { return nil }
        self.init(
            code: code,
            message: value["message"]?.stringValue ?? code,
            isRetryable: value["retryable"]?.boolValue ?? false,
            retryAfterMilliseconds: value["retry_after_ms"]?.integerValue,
            index: value["index"]?.integerValue.flatMap(Int.init(exactly:)),
            path: value["path"]?.stringValue,
            state: value["state"]?.stringValue,
            legal: value["legal"]?.arrayValue?.compactMap(\.stringValue),
            thread: value["thread_id"]?.stringValue.flatMap { try? ThreadID($0) })
    }
}
