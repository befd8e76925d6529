package import AgentEventsProtocol

/// Why credentials do not count.
public struct AuthenticationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Dotted and stable.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case missing = "auth.missing"
            case invalid = "auth.invalid"
            case expired = "auth.expired"
            case revoked = "auth.revoked"
            case unavailable = "auth.unavailable"
        }
        private let value: Value

        /// There are no credentials.
        public static let missing = Code(value: .missing)
        /// The credentials are not what they should be.
        public static let invalid = Code(value: .invalid)
        /// The credentials counted once.
        public static let expired = Code(value: .expired)
        /// The credentials were revoked before their end.
        public static let revoked = Code(value: .revoked)
        /// Whether they count cannot be found out at the moment; the same credentials may be taken later.
        public static let unavailable = Code(value: .unavailable)

        public var description: String { value.rawValue }
    }

    public var code: Code
    /// One sentence, for the sender of the credentials; never with the credentials themselves.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code): \(message)" }
}

extension AuthenticationError.Code {
    public static func ~= (code: Self, error: any Error) -> Bool { (error as? AuthenticationError)?.code == code }
}

extension ProtocolError {
    package init(_ error: AuthenticationError) {
        self.init(Code(rawValue: error.code.description), error.message)
        guard error.code == .unavailable else { return }
        isRetryable = true
        retryAfterMilliseconds = 1000
    }
}
