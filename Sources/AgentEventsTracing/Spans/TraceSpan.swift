public import AgentEvents
import AgentEventsHub

/// A span that has ended: a run, or a tool call in one.
public struct TraceSpan: Hashable, Sendable {
    /// A fact about a span. None holds what somebody said, asked, thought or was answered.
    public struct Attribute: Hashable, Sendable {
        @nonexhaustive
        public enum Value: Hashable, Sendable {
            case text(String)
            case integer(Int64)
            case flag(Bool)
        }

        /// A name of the semantic conventions (`gen_ai.agent.name`), or one that begins with `agent_events.`.
        public var name: String
        public var value: Value

        public init(_ name: String, _ value: Value) {
            self.name = name
            self.value = value
        }
    }

    /// 32 hexadecimal digits.
    public var traceID: String
    /// 16 hexadecimal digits.
    public var spanID: String
    /// The span above it; `nil` for a run without a parent.
    public var parentSpanID: String?
    /// The operation and what it is about: `invoke_agent guide`.
    public var name: String
    public var start: Timestamp
    /// Not before ``start``.
    public var end: Timestamp
    public var attributes: [Attribute] = []
    /// The places in traces of others from which it was asked for.
    public var links: [TraceContext] = []
    /// Whether it ended with an error.
    public var isError = false

    public init(
        traceID: String,
        spanID: String,
        parentSpanID: String? = nil,
        name: String,
        start: Timestamp,
        end: Timestamp
    ) {
        self.traceID = traceID
        self.spanID = spanID
        self.parentSpanID = parentSpanID
        self.name = name
        self.start = start
        self.end = end
    }
}

/// The ids of spans. They follow from what is in the log, so that what is read twice is sent with the same ids, by any
/// process, and in whatever order.
///
/// Each is the beginning of the SHA-256 of some lines, joined by line feeds; no id has a line feed in it:
///
/// | id | lines |
/// |---|---|
/// | trace, 16 bytes | `trace`, thread, run without a parent |
/// | span of a run, 8 bytes | `run`, thread, run |
/// | span of a call, 8 bytes | `call`, thread, run, call, number (`seq`) of its `tool_executing` |
public enum SpanIdentity {
    /// The id of the trace of a run and all runs below it: 32 hexadecimal digits.
    ///
    /// - Parameter root: the run at the top, which has no parent.
    public static func trace(of root: RunID, in thread: ThreadID) -> String {
        id(["trace", thread.rawValue, root.rawValue], byteCount: 16)
    }

    /// The id of the span of a run: 16 hexadecimal digits.
    public static func span(of run: RunID, in thread: ThreadID) -> String {
        id(["run", thread.rawValue, run.rawValue], byteCount: 8)
    }

    /// The id of the span of a call: 16 hexadecimal digits.
    ///
    /// - Parameter sequence: the number of its `tool_executing` in the thread: an id of a call may be used again.
    public static func span(of call: CallID, at sequence: UInt64, run: RunID, in thread: ThreadID) -> String {
        id(["call", thread.rawValue, run.rawValue, call.rawValue, "\(sequence)"], byteCount: 8)
    }

    private static func id(_ lines: [String], byteCount: Int) -> String {
        var bytes = Array(SHA256Hash.hash(Array(lines.joined(separator: "\n").utf8)).prefix(byteCount))
        // An id of zeros is none.
        if bytes.allSatisfy({ $0 == 0 }) { bytes[byteCount - 1] = 1 }
        return Hexadecimal.text(of: bytes)
    }
}
