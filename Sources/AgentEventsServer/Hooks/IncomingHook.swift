public import AgentEvents

/// One address to which another system sends what has happened there. It is a segment of a path.
public struct HookID: Identifier {
    public static var kind: String { "hook id" }
    public static var isPathSegment: Bool { true }
    public let text: IdentifierText
    public init(text: IdentifierText) {
        precondition(text.string != "." && text.string != "..", "a hook id must not be . or ..")
        self.text = text
    }
}

/// Makes a message, or a run, of what another system sends to `POST /v1/hooks/{id}`.
///
/// ```swift
/// let hook = try IncomingHook(
///     "builds", secret: secret, user: "u_1", thread: "t_builds",
///     .message("{{repository.name}} was built: {{status}}"), agent: "guide")
/// let service = AgentEventsService(runtime: runtime, agents: [guide], extensions: [.hooks([hook])], logger: logger)
/// ```
///
/// A delivery is JSON and signed, in one of two ways:
/// - like Standard Webhooks: `webhook-id`, `webhook-timestamp` and `webhook-signature` (`v1,` and the HMAC-SHA256 of
///   `{id}.{timestamp}.{body}` in Base64, of several, 8 at most, one has to fit). The id is that of the delivery.
/// - like ``WebhookSink``: `Agent-Events-Signature`, see ``WebhookSignature``. The delivery is its body: an equal one is the same
///   delivery. A header `Idempotency-Key` counts for nothing here, since nobody has signed it.
///
/// A time of more than 5 minutes from now is refused. The same delivery again, within 24 hours, makes nothing twice and has the same
/// answer, also after a restart; so a delivery that somebody has recorded is of no use to them.
///
/// Answers: 202 with `thread_id`, `message_id`, `run_id` and `status`, as for a message; 401 `hook.signature`; 400 `hook.invalid` for a
/// body that the template finds something missing in; 409 `key.conflict` for the id of another delivery; and those of messages, such as
/// `thread.busy`. A sender tries again after 429 and 5xx.
public struct IncomingHook: Sendable {
    /// What a delivery becomes.
    @nonexhaustive
    public enum Action: Hashable, Sendable {
        /// A message of the user, with the text of a template.
        case message(String)
        /// A run without a message. Its input is the text of a template; of one that is a single place, the value there, as
        /// `{{.}}` for the whole body.
        case start(input: String)
    }

    /// The shortest secret, in bytes.
    public static let minimumSecretByteCount = WebhookSink.minimumSecretByteCount

    public let id: HookID
    public let user: UserID
    public let agent: AgentName?
    public let policy: ConcurrencyPolicy?
    let secret: [UInt8]
    let thread: HookTemplate
    let action: ParsedAction

    enum ParsedAction: Hashable {
        case message(HookTemplate)
        case start(HookTemplate)
    }

    /// - Parameters:
    ///   - id: the last part of the path.
    ///   - secret: known to the sender, at least 16 bytes. One of Standard Webhooks (`whsec_…`) is read by ``secret(_:)``.
    ///   - user: whose message it is, and whose the thread. The hook may do there what the user may without credentials.
    ///   - thread: the thread, as a template: `t_1`, or `t_{{issue.id}}`. It is opened if it is not there.
    ///   - action: what a delivery becomes. A template is text in which `{{a.b.0}}` stands for what the body has there: a string as
    ///     it is, anything else as JSON.
    ///   - agent: the agent; `nil` for the service's first one.
    ///   - policy: the policy for a thread that is busy; `nil` for that of the agent.
    /// - Throws: ``HookError``.
    public init(
        _ id: HookID,
        secret: [UInt8],
        user: UserID,
        thread: String,
        _ action: Action,
        agent: AgentName? = nil,
        policy: ConcurrencyPolicy? = nil
    ) throws(HookError) {
        guard secret.count >= Self.minimumSecretByteCount else {
            throw HookError(
                "the secret of a hook has at least \(Self.minimumSecretByteCount) bytes, not \(secret.count)")
        }
        self.id = id
        self.secret = secret
        self.user = user
        self.thread = try HookTemplate(thread)
        switch action {
        case .message(let text): self.action = .message(try HookTemplate(text))
        case .start(let input): self.action = .start(try HookTemplate(input))
        }
        self.agent = agent
        self.policy = policy
    }

    /// A secret as it is handed over: the bytes of the text, or, if it begins with `whsec_`, those that the rest stands for in Base64.
    ///
    /// - Throws: ``HookError`` for what begins so and is no Base64.
    public static func secret(_ text: String) throws(HookError) -> [UInt8] {
        let prefix = "whsec_"
        guard text.hasPrefix(prefix) else { return Array(text.utf8) }
        guard let bytes = Base64.decode(text.dropFirst(prefix.count)) else {
            throw HookError("a secret that begins with \(prefix) goes on in Base64")
        }
        return bytes
    }
}

/// The reason why a hook cannot be as it is given.
public struct HookError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence: what is wrong, and what would have been right.
    public var message: String

    init(_ message: String) { self.message = message }

    public var description: String { message }
}

/// Bytes as text of 64 digits (RFC 4648, section 4).
enum Base64 {
    /// - Returns: `nil` for other text, also for text without its padding.
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 4) else { return nil }
        let padding = digits.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
        var bytes: [UInt8] = []
        var (bits, bitCount) = (0 as UInt32, 0)
        for digit in digits.dropLast(padding) {
            guard let value = value(of: digit) else { return nil }
            bits = bits << 6 | value
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
            }
        }
        return bytes
    }

    private static func value(of digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
