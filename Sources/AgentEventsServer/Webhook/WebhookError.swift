public import AgentEvents
import AgentEventsHub

/// The reason why a webhook did not take a batch, or why a request is not one of its own.
public struct WebhookError: SinkRefusal, CustomStringConvertible {
    /// Dotted and stable.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case urlInvalid = "webhook.url_invalid"
            case secretTooShort = "webhook.secret_too_short"
            case authorityInvalid = "webhook.authority_invalid"
            case refused = "webhook.refused"
            case gone = "webhook.gone"
            case unreachable = "webhook.unreachable"
            case signatureMalformed = "webhook.signature_malformed"
            case signatureExpired = "webhook.signature_expired"
            case signatureWrong = "webhook.signature_wrong"
        }
        private let value: Value

        /// The address is not an absolute `http` or `https` URL.
        public static let urlInvalid = Code(value: .urlInvalid)
        /// The secret is so short that it can be guessed.
        public static let secretTooShort = Code(value: .secretTooShort)
        /// The file of trusted certificates holds none, or cannot be read.
        public static let authorityInvalid = Code(value: .authorityInvalid)
        /// The receiver answered with another status than 2xx.
        public static let refused = Code(value: .refused)
        /// The receiver answered with 410: it is gone for good, and gets nothing more until the next start.
        public static let gone = Code(value: .gone)
        /// There was no whole answer in time.
        public static let unreachable = Code(value: .unreachable)
        /// A signature is not one.
        public static let signatureMalformed = Code(value: .signatureMalformed)
        /// A signature is too old, or of the future.
        public static let signatureExpired = Code(value: .signatureExpired)
        /// A signature does not fit.
        public static let signatureWrong = Code(value: .signatureWrong)

        public var description: String { value.rawValue }
    }

    public var code: Code
    /// One sentence: what went wrong, and what would help.
    public var message: String
    /// The status of the receiver's answer.
    public var status: Int?
    public var advice: SinkRetryAdvice
    /// The error underneath, if there is one.
    public var cause: (any Error)?

    public init(
        _ code: Code,
        _ message: String,
        status: Int? = nil,
        advice: SinkRetryAdvice = .asUsual,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.status = status
        self.advice = advice
        self.cause = cause
    }

    public var description: String { "\(code): \(message)" }
}

extension WebhookError.Code {
    public static func ~= (code: Self, error: any Error) -> Bool { (error as? WebhookError)?.code == code }
}

extension WebhookError: AnsweredSinkError {
    package var reportedCode: String { code.description }
}
