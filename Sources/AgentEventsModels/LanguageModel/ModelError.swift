public import AgentEvents

/// The error of a model or of its provider.
public struct ModelError: Error, Hashable, Sendable, CustomStringConvertible, CodedError {
    /// Dotted and stable, for programs.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public var rawValue: String
        public var description: String { rawValue }

        /// The provider could not be reached, or the connection broke before the answer began. Worth another try.
        public static let unreachable = Code(rawValue: "model.unreachable")
        /// The provider has failed: a status from 500 on, or an error within the answer. Worth another try.
        public static let unavailable = Code(rawValue: "model.unavailable")
        /// Too many requests, for now. Worth another try, after ``ModelError/retryAfter``.
        public static let rateLimited = Code(rawValue: "model.rate_limited")
        /// The answer ended before it was whole. Worth another try.
        public static let cutOff = Code(rawValue: "model.cut_off")
        /// Nothing came for too long. Worth another try.
        public static let timedOut = Code(rawValue: "model.timed_out")
        /// The answer has reached the most tokens that it may have. Another try ends in the same way.
        public static let tooLong = Code(rawValue: "model.too_long")
        /// The provider has withheld the answer, or its rest.
        public static let filtered = Code(rawValue: "model.filtered")
        /// The key is missing, wrong or without rights.
        public static let unauthorized = Code(rawValue: "model.unauthorized")
        /// The provider does not take the request: a status from 400 on that is not one of the others.
        public static let refused = Code(rawValue: "model.refused")
        /// The answer is not in the form that it should have.
        public static let malformed = Code(rawValue: "model.malformed")
    }

    public var code: Code
    /// A description for people.
    public var message: String
    /// The status of the provider's answer; `nil` for none.
    public var status: Int?
    /// The time that the provider asks to wait before another try.
    public var retryAfter: Duration?

    public init(_ code: Code, _ message: String, status: Int? = nil, retryAfter: Duration? = nil) {
        self.code = code
        self.message = message
        self.status = status
        self.retryAfter = retryAfter
    }

    public var description: String { "\(code): \(message)" }
    public var eventCode: String { code.rawValue }
    public var eventMessage: String { message }

    /// Whether another try may help.
    public var isRetryable: Bool {
        switch code {
        case .unreachable, .unavailable, .rateLimited, .cutOff, .timedOut: true
        default: false
        }
    }
}
