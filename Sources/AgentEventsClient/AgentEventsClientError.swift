public import AgentEvents
public import AgentEventsProtocol

/// Why a client could not do what it was asked.
public struct AgentEventsClientError: Error, Sendable, CustomStringConvertible {
    /// Dotted and stable. What the service refused has the service's own code: `thread.forbidden`,
    /// `order.already_ended`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The code as it stands on the wire.
        public let rawValue: String

        /// A code that the service sent.
        public init(_ rawValue: String) { self.rawValue = rawValue }

        /// The address is not that of a service.
        public static let badURL = Code("client.bad_url")
        /// Nobody answers at the address.
        public static let unreachable = Code("client.unreachable")
        /// The service shows a certificate that is not trusted, or not for its name.
        public static let untrusted = Code("client.untrusted")
        /// The client's source of tokens has none; ``AgentEventsClientError/cause`` is what it threw.
        public static let tokenUnavailable = Code("client.no_token")
        /// The service did not open the stream; ``AgentEventsClientError/status`` is what it answered.
        public static let declined = Code("client.declined")
        /// The connection ended; ``AgentEventsClientError/closeCode`` says how.
        public static let closed = Code("client.closed")
        /// Nothing was heard for too long.
        public static let silent = Code("client.silent")
        /// The other side does not speak the protocol.
        public static let protocolViolation = Code("client.protocol")
        /// Somebody follows the thread over the same stream already.
        public static let alreadyFollowing = Code("client.already_following")
        /// An event was acknowledged that its reader was not given.
        public static let cursorNotDelivered = Code("client.not_given")
        /// The history of a thread that is consumed is void; see ``AgentEventsClientError/resetReason``.
        public static let reset = Code("client.reset")
        /// The cursor is malformed, or of another thread.
        public static let cursorInvalid = Code("cursor.invalid")
        /// The idempotency key was used for another request.
        public static let keyConflict = Code("key.conflict")
        /// The thread belongs to another user.
        public static let threadForbidden = Code("thread.forbidden")

        public var description: String { rawValue }
    }

    public var code: Code
    /// One sentence: what went wrong, and what would help.
    public var message: String
    /// The HTTP status with which the stream was declined.
    public var status: Int?
    /// The WebSocket close code; 1006 when the connection ended without one.
    public var closeCode: Int?
    /// The service's error, when it refused a request.
    public var refusal: ProtocolError?
    /// The time for which the service asks to be left alone; at most an hour, if it asks for more.
    public var retryAfter: Duration?
    /// The time after which the service, which stops, expects this client in particular: it spreads its clients itself.
    package var reconnectDelay: Duration?
    /// Why the history is void, with `client.reset`.
    public var resetReason: ResetReason?
    /// The error underneath, if there is one.
    public var cause: (any Error)?

    public init(
        _ code: Code,
        _ message: String,
        status: Int? = nil,
        closeCode: Int? = nil,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.status = status
        self.closeCode = closeCode
        self.cause = cause
    }

    /// A request that the service refused.
    public init(_ refusal: ProtocolError) {
        self.init(Code(refusal.code.rawValue), refusal.message)
        self.refusal = refusal
        retryAfter = refusal.retryAfter
    }

    /// A connection that the service has closed. Where its reason is about the credentials, that is the code: `auth.expired`.
    package init(closeCode: Int, reason: String) {
        let isAboutCredentials =
            closeCode == Self.notAuthenticated && reason.hasPrefix("auth.") && !reason.contains(" ")
        self.init(
            isAboutCredentials ? Code(reason) : .closed,
            "the service closed the connection with code \(closeCode)\(reason.isEmpty ? "" : ": \(reason)")",
            closeCode: closeCode)
        if closeCode == Int(StreamCloseCode.limits.rawValue) { retryAfter = Self.shortestLimitPause }
        if closeCode == Int(StreamCloseCode.goingAway.rawValue), let delay = ReconnectDelay(reason: reason) {
            retryAfter = min(.milliseconds(delay.milliseconds), Self.longestRetryAfter)
            reconnectDelay = retryAfter
        }
    }

    private static let notAuthenticated = Int(StreamCloseCode.notAuthenticated.rawValue)

    /// Whether the service did not take the token, or takes it no longer: another one may fare better.
    var isUnauthenticated: Bool { closeCode == Self.notAuthenticated || status == 401 }

    /// The longest time for which a client stays away because the service asks for it.
    static let longestRetryAfter: Duration = .seconds(3600)
    /// The shortest time for which a client stays away that was closed because of a limit.
    static let shortestLimitPause: Duration = .seconds(5)

    /// An error for a message that is not one of the protocol.
    init(malformed error: WireError) {
        self.init(
            .protocolViolation,
            "the service sent a message that is not one of \(StreamProtocol.subprotocol): \(error.message)",
            cause: error)
    }

    /// The history of a thread is void.
    init(_ thread: ThreadID, reset reason: ResetReason) {
        self.init(
            .reset, "the history of \(thread) was reset (\(reason)): drop what came of it, and read it again")
        resetReason = reason
    }

    /// Whether the same may succeed later, with nothing changed but time.
    public var isRetryable: Bool {
        if let refusal { return refusal.isRetryable }
        if let status { return status >= 500 || [408, 425, 429].contains(status) }
        if let closeCode { return StreamCloseCode(rawValue: UInt16(clamping: closeCode)).allowsReconnection }
        return code == .tokenUnavailable || code == .unreachable || code == .closed || code == .silent
            || code == .protocolViolation
    }

    public var description: String { "\(code): \(message)" }
}

extension ProtocolError {
    /// The time for which the service asks to be left alone, as long as that is reasonable.
    var retryAfter: Duration? {
        retryAfterMilliseconds.map { max(.zero, min(.milliseconds($0), AgentEventsClientError.longestRetryAfter)) }
    }
}

extension AgentEventsClientError.Code {
    public static func ~= (code: Self, error: any Error) -> Bool { (error as? AgentEventsClientError)?.code == code }
}
