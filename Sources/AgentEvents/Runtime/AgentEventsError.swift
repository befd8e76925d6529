/// Why the runtime refused something.
public struct AgentEventsError: Error, Sendable, CustomStringConvertible {
    /// Dotted and stable. The codes of order, wire, log and sink errors are those of ``OrderRule``, ``WireError``,
    /// ``EventLogError`` and ``SinkError``.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The code as it stands on the wire.
        public let rawValue: String

        init(_ rawValue: String) { self.rawValue = rawValue }

        /// The thread belongs to another user.
        public static let threadForbidden = Code("thread.forbidden")
        /// The cursor is not one of the thread: its event was lost in a crash.
        public static let cursorDiverged = Code("cursor.diverged")
        /// The events behind the cursor, or some of them, were trimmed (``RetentionPolicy``).
        public static let cursorTrimmed = Code("cursor.trimmed")
        /// The cursor is beyond the thread's last event, or the thread has none.
        public static let cursorUnknown = Code("cursor.unknown")
        /// Something is to be trimmed, and the log cannot do it.
        public static let retentionUnsupported = Code("retention.unsupported")
        /// The runtime is not running: `run()` was not called, or has returned.
        public static let notRunning = Code("runtime.not_running")
        /// The event is larger than the configured limit.
        public static let tooLarge = Code("event.too_large")
        /// The event names another agent, or another thread, than its run has.
        public static let mismatch = Code("event.mismatch")
        /// The run was ended at its deadline.
        public static let runDeadline = Code("run.deadline")
        /// The tool call was ended at its time limit.
        public static let toolTimedOut = Code("tool.timed_out")
        /// A batch without events.
        public static let emptyBatch = Code("event.empty_batch")

        /// An order rule's code.
        public static func order(_ rule: OrderRule) -> Code { Code(rule.rawValue) }
        /// A wire error's code.
        public static func wire(_ code: WireError.Code) -> Code { Code(code.description) }
        /// A log error's code.
        public static func log(_ code: EventLogError.Code) -> Code { Code(code.description) }
        /// A sink error's code.
        public static func sink(_ code: SinkError.Code) -> Code { Code(code.description) }

        public var description: String { rawValue }
    }

    public var code: Code
    /// One sentence: what is wrong, and what would have been right.
    public var message: String
    /// Which event of a batch, from 0; `nil` when the error is not of one event.
    public var index: Int?
    /// The rule of order that was broken, with the state and what was legal.
    public var violation: OrderViolation?
    /// The error underneath, if there is one.
    public var cause: (any Error)?

    public init(_ code: Code, _ message: String, index: Int? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.index = index
        self.cause = cause
    }

    init(_ violation: OrderViolation, index: Int? = nil) {
        self.init(.order(violation.rule), violation.message, index: index)
        self.violation = violation
    }

    init(_ error: WireError, index: Int? = nil) {
        self.init(.wire(error.code), error.message, index: index, cause: error)
    }

    init(_ error: EventLogError) {
        self.init(.log(error.code), error.message, cause: error)
    }

    init(_ error: SinkError) {
        self.init(.sink(error.code), error.message, cause: error)
    }

    /// Whether the same request may succeed later.
    public var isRetryable: Bool {
        [.notRunning, .runDeadline, .toolTimedOut].contains(code) || code.rawValue.hasPrefix("log.")
    }

    public var description: String { "\(code): \(message)" }
}

extension AgentEventsError.Code {
    public static func ~= (code: Self, error: any Error) -> Bool { (error as? AgentEventsError)?.code == code }
}

/// What the log throws, as an error of the runtime.
func thrownByLog<Result>(
    _ body: () async throws(EventLogError) -> Result
) async throws(AgentEventsError) -> Result {
    do throws(EventLogError) {
        return try await body()
    } catch {
        throw AgentEventsError(error)
    }
}

extension AgentEventsError {
    static func trimmed(_ thread: ThreadID) -> AgentEventsError {
        AgentEventsError(
            .cursorTrimmed, "events of thread \(thread) after this place were trimmed: read again from the start")
    }
}
