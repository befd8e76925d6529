public import AgentEvents

/// Why the service refused a request: the op `error` of the stream, and the body of an HTTP error.
public struct ProtocolError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Dotted and stable: `order.call_not_open`.
    public var code: Code
    /// One sentence for people: what is wrong, and what would have been right.
    public var message: String
    /// Whether the same request may succeed later.
    public var isRetryable: Bool
    /// The time to wait before that, in milliseconds, where it is known.
    public var retryAfterMilliseconds: Int64?
    /// The mark of the request, where it could be read.
    package var tag: RequestTag?
    /// The index of the event of the request that is at fault, from 0.
    public var index: Int?
    /// The way to the fault, from the root of the request: `$.events[3].data.call_id`.
    public var path: String?
    /// The types of event that would have been legal, by their names on the wire.
    public var legal: [String]?
    /// The state of the run whose order was broken, in words.
    public var state: String?
    /// The state that the request met, where it was more than words can say.
    public var details: JSONValue?
    /// The thread that the request was about.
    public var threadID: ThreadID?

    public init(
        _ code: Code,
        _ message: String,
        isRetryable: Bool = false,
        retryAfterMilliseconds: Int64? = nil,
        index: Int? = nil,
        path: String? = nil,
        legal: [String]? = nil,
        state: String? = nil,
        details: JSONValue? = nil,
        threadID: ThreadID? = nil
    ) {
        self.code = code
        self.message = message
        self.isRetryable = isRetryable
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.index = index
        self.path = path
        self.legal = legal
        self.state = state
        self.details = details
        self.threadID = threadID
    }

    public var description: String { "\(code): \(message)" }
}

// MARK: On the wire

extension ProtocolError {
    /// Reads the members of an `error` message, or of the `error` in an HTTP body. Whatever is not as expected, is
    /// passed over.
    ///
    /// - Returns: `nil` without a code.
    package init?(_ members: JSONObject) {
        guard let code = members["code"]?.stringValue else { return nil }
        let details = members["details"]
        self.init(
            Code(rawValue: code),
            members["message"]?.stringValue ?? code,
            isRetryable: members["retryable"]?.boolValue ?? false,
            retryAfterMilliseconds: members["retry_after_ms"]?.integerValue,
            index: members["index"]?.integerValue.flatMap(Int.init(exactly:)),
            path: members["path"]?.stringValue,
            legal: members["legal"]?.arrayValue?.compactMap(\.stringValue),
            state: members["state"]?.stringValue,
            details: details == JSONValue.null ? nil : details,
            threadID: members["thread_id"]?.stringValue.flatMap { try? ThreadID($0) })
    }

    /// The longest message, path and state that a client is told, in bytes; the rest is cut off. They may quote what
    /// the client sent, or list what is open in a run, and both may be long.
    package static var maximumTextByteCount: Int { 8192 }

    private static func bounded(_ text: String) -> String {
        let bytes = text.utf8
        guard bytes.count > maximumTextByteCount else { return text }
        // The bytes of a character after its first one begin with the bits 10.
        var end = bytes.index(bytes.startIndex, offsetBy: maximumTextByteCount)
        while bytes[end] & 0xC0 == 0x80 { bytes.formIndex(before: &end) }
        return String(text[..<end]) + "… (cut: \(bytes.count) bytes in all)"
    }

    /// The body of an HTTP error.
    package var body: JSONValue { ["error": .object(JSONObject(present: members))] }

    /// The members of the error in the order of the protocol, without `op` and `req`.
    package var members: [(String, JSONValue?)] {
        [
            ("code", .string(code.rawValue)),
            ("message", .string(Self.bounded(message))),
            ("retryable", .bool(isRetryable)),
            ("retry_after_ms", retryAfterMilliseconds.map { .integer($0) } ?? .null),
            ("index", index.map { .integer($0) }),
            ("path", path.map { .string(Self.bounded($0)) }),
            ("legal", legal.map { .array($0.map { .string($0) }) }),
            ("state", state.map { .string(Self.bounded($0)) }),
            ("details", details),
            ("thread_id", threadID?.json),
        ]
    }
}

// MARK: Errors of the core

extension ProtocolError {
    package init(_ error: WireError, index: Int? = nil) {
        self.init(.wire(error.code), error.message, path: error.path)
        self.index = index
    }

    /// A fault in the members of a request: but for half of a character, it is the request that is malformed.
    package init(member error: WireError) {
        self.init(
            error.code == .loneSurrogate ? .wire(.loneSurrogate) : .messageInvalid, error.problem, path: error.path)
    }

    /// - Parameter path: where the identifier stands; `nil` for one that is not in a message.
    package init(_ error: IdentifierError, path: String?) {
        self.init(path == nil ? .requestInvalid : .messageInvalid, error.message, path: path)
    }

    package init(_ violation: OrderViolation, index: Int? = nil, root: DraftRoot = .messageMember) {
        self.init(.order(violation.rule), violation.problem)
        self.index = index
        path = index.map { root.path(of: $0) }
        legal = violation.legal
        state = violation.state
    }

    /// - Parameter root: where the events stand in the request that failed.
    package init(_ error: AgentEventsError, threadID: ThreadID?, root: DraftRoot = .messageMember) {
        if let violation = error.violation {
            self.init(violation, index: error.index, root: root)
        } else {
            self.init(Code(error.code), error.message, isRetryable: error.isRetryable)
            index = error.index
            details = error.details?.json
            if let index = error.index {
                // The encoder's paths begin at the event.
                let rest = (error.cause as? WireError)?.path.dropFirst() ?? ""
                path = root.path(of: index) + rest
            }
        }
        self.threadID = threadID
    }

    package init(_ error: EventLogError, threadID: ThreadID?) {
        self.init(.log(error.code), error.message, isRetryable: error.code != .exists, threadID: threadID)
    }
}
