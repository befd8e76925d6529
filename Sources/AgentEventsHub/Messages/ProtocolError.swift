package import AgentEvents

/// Why a request was refused, as the client is told: the op `error` of the WebSocket and the body of an HTTP error.
package struct ProtocolError: Error, Hashable, Sendable, CustomStringConvertible {
    package var code: Code
    /// One sentence: what is wrong, and what would have been right.
    package var message: String
    /// Whether the same request may succeed later.
    package var isRetryable: Bool
    /// How long to wait before that, where it is known.
    package var retryAfterMilliseconds: Int64?
    /// The mark of the request, where it could be read.
    package var tag: RequestTag?
    /// Which event of the request was at fault, from 0.
    package var index: Int?
    /// The way to the fault, from the root of the request: `$.events[3].data.call_id`.
    package var path: String?
    /// The types of event that would have been legal, by their names on the wire.
    package var legal: [String]?
    /// The state of the run, in words.
    package var state: String?
    /// The thread the request was about.
    package var thread: ThreadID?

    package init(
        _ code: Code,
        _ message: String,
        isRetryable: Bool = false,
        path: String? = nil,
        thread: ThreadID? = nil
    ) {
        self.code = code
        self.message = message
        self.isRetryable = isRetryable
        self.path = path
        self.thread = thread
    }

    /// The longest message, path and state that a client is told, in bytes; the rest is cut off. They may quote what the
    /// client sent, or list what is open in a run, and both may be long.
    package static var maximumTextByteCount: Int { 8192 }

    private static func bounded(_ text: String) -> String {
        let bytes = text.utf8
        guard bytes.count > maximumTextByteCount else { return text }
        // The bytes of a character after its first one begin with the bits 10.
        var end = bytes.index(bytes.startIndex, offsetBy: maximumTextByteCount)
        while bytes[end] & 0xC0 == 0x80 { bytes.formIndex(before: &end) }
        return String(text[..<end]) + "… (cut: \(bytes.count) bytes in all)"
    }

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
            ("thread_id", thread?.json),
        ]
    }

    package var description: String { "\(code): \(message)" }
}

extension ProtocolError {
    package init(_ error: WireError, index: Int? = nil) {
        self.init(.wire(error.code), error.message, path: error.path)
        self.index = index
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
    package init(_ error: AgentEventsError, thread: ThreadID?, root: DraftRoot = .messageMember) {
        if let violation = error.violation {
            self.init(violation, index: error.index, root: root)
        } else {
            self.init(Code(error.code.rawValue), error.message, isRetryable: error.isRetryable)
            index = error.index
            if let index = error.index {
                // The encoder's paths begin at the event.
                let rest = (error.cause as? WireError)?.path.dropFirst() ?? ""
                path = root.path(of: index) + rest
            }
        }
        self.thread = thread
    }

    package init(_ error: EventLogError, thread: ThreadID?) {
        self.init(Code(error.code.description), error.message, isRetryable: true, thread: thread)
    }
}
