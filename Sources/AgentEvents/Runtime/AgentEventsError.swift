/// Why the runtime refused something.
public struct AgentEventsError: Error, Sendable, CustomStringConvertible {
    /// Dotted and stable. The codes of order, wire, log and sink errors are those of ``OrderRule``, ``WireError``,
    /// ``EventLogError`` and ``SinkError``.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        package enum Value: Hashable, Sendable {
            case threadForbidden
            case threadDeleted
            case deletionUnsupported
            case storageLimit
            case storageFull
            case cursorDiverged
            case cursorTrimmed
            case cursorUnknown
            case retentionUnsupported
            case notRunning
            case runDeadline
            case toolTimedOut
            case emptyBatch
            case keyConflict
            case runUnknown
            case runNotStarted
            case runNotOpen
            case runPaused
            case commandUnsupported
            case commandInvalid
            case approvalUnknown
            case approvalResolved
            case approvalExpired
            case approvalForbidden
            case approvalDataInvalid
            case leaseLost
            case stateConflict
            case stateForbidden
            case stateUnknownSpace
            case stateTooManyKeys
            case stateValueTooLarge
            case order(OrderRule)
            case wire(WireError.Code)
            case log(EventLogError.Code)
            case sink(SinkError.Code)
        }

        package let value: Value

        /// The thread belongs to another user.
        public static let threadForbidden = Code(value: .threadForbidden)
        /// The thread was deleted; its id is not used again.
        public static let threadDeleted = Code(value: .threadDeleted)
        /// The log cannot delete threads.
        public static let deletionUnsupported = Code(value: .deletionUnsupported)
        /// The threads of one user have as many bytes as they may (``RuntimeConfiguration/maximumStoredByteCountPerUser``).
        public static let storageLimit = Code(value: .storageLimit)
        /// The disk is nearly full (``RuntimeConfiguration/minimumFreeByteCount``).
        public static let storageFull = Code(value: .storageFull)
        /// The cursor is of another history: its event was lost in a crash, or is one of another log.
        public static let cursorDiverged = Code(value: .cursorDiverged)
        /// The events after the cursor, or some of them, were trimmed (``RetentionPolicy``).
        public static let cursorTrimmed = Code(value: .cursorTrimmed)
        /// The cursor is beyond the thread's last event, and nobody can have been given it.
        public static let cursorUnknown = Code(value: .cursorUnknown)
        /// Events should be trimmed, and the log cannot do it.
        public static let retentionUnsupported = Code(value: .retentionUnsupported)
        /// The runtime is not running: `run()` was not called, or has returned.
        public static let notRunning = Code(value: .notRunning)
        /// The event is larger than the configured limit.
        public static let tooLarge = wire(.tooLarge)
        /// The run was ended at its deadline.
        public static let runDeadline = Code(value: .runDeadline)
        /// The tool call was ended at its time limit.
        public static let toolTimedOut = Code(value: .toolTimedOut)
        /// A batch without events.
        public static let emptyBatch = Code(value: .emptyBatch)
        /// The idempotency key was used for another request.
        public static let keyConflict = Code(value: .keyConflict)

        /// A command names a run that was never in the thread.
        public static let runUnknown = Code(value: .runUnknown)
        /// A command is for a run that is queued and has not started.
        public static let runNotStarted = Code(value: .runNotStarted)
        /// A command is for a run that has ended.
        public static let runNotOpen = Code(value: .runNotOpen)
        /// A command is for a run that is paused, and takes none like it until it is resumed.
        public static let runPaused = Code(value: .runPaused)
        /// The agent of the run takes no commands of the application's own.
        public static let commandUnsupported = Code(value: .commandUnsupported)

        /// A command does not say which of several things it is for.
        public static let commandInvalid = Code(value: .commandInvalid)
        /// An answer is for a request for approval that was never made, or was resolved long ago.
        public static let approvalUnknown = Code(value: .approvalUnknown)
        /// A request for approval has another answer already.
        public static let approvalResolved = Code(value: .approvalResolved)
        /// A request for approval has expired.
        public static let approvalExpired = Code(value: .approvalExpired)
        /// An answer by a user who may not give it.
        public static let approvalForbidden = Code(value: .approvalForbidden)
        /// An answer whose data does not fit the request.
        public static let approvalDataInvalid = Code(value: .approvalDataInvalid)
        /// An event comes from a worker that does not work for the run, or no longer.
        public static let leaseLost = Code(value: .leaseLost)
        /// A value of a context has another version than its change is for.
        public static let stateConflict = Code(value: .stateConflict)
        /// A value of a context is changed by somebody who may not, or is one that only the service writes.
        public static let stateForbidden = Code(value: .stateForbidden)
        /// There is no such context, or it is not for the one who asks.
        public static let stateUnknownSpace = Code(value: .stateUnknownSpace)
        /// A context has as many values as it may.
        public static let stateTooManyKeys = Code(value: .stateTooManyKeys)
        /// A value of a context, or all of them together, would be too large.
        public static let stateValueTooLarge = Code(value: .stateValueTooLarge)

        /// An order rule's code.
        public static func order(_ rule: OrderRule) -> Code { Code(value: .order(rule)) }
        /// A wire error's code.
        public static func wire(_ code: WireError.Code) -> Code { Code(value: .wire(code)) }
        /// A log error's code.
        public static func log(_ code: EventLogError.Code) -> Code { Code(value: .log(code)) }
        /// A sink error's code.
        public static func sink(_ code: SinkError.Code) -> Code { Code(value: .sink(code)) }

        /// The code as it stands on the wire.
        public var rawValue: String {
            switch value {
            case .threadForbidden: "thread.forbidden"
            case .threadDeleted: "thread.deleted"
            case .deletionUnsupported: "deletion.unsupported"
            case .storageLimit: "limits.storage"
            case .storageFull: "server.storage"
            case .cursorDiverged: "cursor.diverged"
            case .cursorTrimmed: "cursor.trimmed"
            case .cursorUnknown: "cursor.unknown"
            case .retentionUnsupported: "retention.unsupported"
            case .notRunning: "runtime.not_running"
            case .runDeadline: "run.deadline"
            case .toolTimedOut: "tool.timed_out"
            case .emptyBatch: "event.empty_batch"
            case .keyConflict: "key.conflict"
            case .runUnknown: "run.unknown"
            case .runNotStarted: "run.not_started"
            case .runNotOpen: "run.not_open"
            case .runPaused: "run.paused"
            case .commandUnsupported: "command.unsupported"
            case .commandInvalid: "command.invalid"
            case .approvalUnknown: "approval.unknown"
            case .approvalResolved: "approval.resolved"
            case .approvalExpired: "approval.expired"
            case .approvalForbidden: "approval.forbidden"
            case .approvalDataInvalid: "approval.data_invalid"
            case .leaseLost: "lease.lost"
            case .stateConflict: "state.conflict"
            case .stateForbidden: "state.forbidden"
            case .stateUnknownSpace: "state.unknown_space"
            case .stateTooManyKeys: "state.too_many_keys"
            case .stateValueTooLarge: "state.value_too_large"
            case .order(let rule): rule.rawValue
            case .wire(let code): code.description
            case .log(let code): code.description
            case .sink(let code): code.description
            }
        }

        private init(value: Value) { self.value = value }

        public var description: String { rawValue }
    }

    public var code: Code
    /// One sentence: what is wrong, and what would have been right.
    public var message: String
    /// The number of the event in a batch, from 0; `nil` when the error is not of one event.
    public var index: Int?
    /// The rule of order that was broken, with the state and what was legal.
    public var violation: OrderViolation?
    /// The state that a refused command met.
    public var details: CommandDetails?
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
        switch code.value {
        case .notRunning, .runDeadline, .toolTimedOut, .storageFull, .log: true
        case .threadForbidden, .threadDeleted, .deletionUnsupported, .storageLimit, .cursorDiverged, .cursorTrimmed,
            .cursorUnknown, .retentionUnsupported, .emptyBatch,
            .keyConflict, .runUnknown, .runNotStarted, .runNotOpen, .runPaused, .commandUnsupported,
            .commandInvalid, .approvalUnknown, .approvalResolved, .approvalExpired, .approvalForbidden,
            .approvalDataInvalid, .leaseLost, .stateConflict, .stateForbidden, .stateUnknownSpace, .stateTooManyKeys,
            .stateValueTooLarge, .order, .wire, .sink:
            false
        }
    }

    public var description: String { "\(code): \(message)" }
}

extension AgentEventsError.Code {
    public static func ~= (code: Self, error: any Error) -> Bool { (error as? AgentEventsError)?.code == code }
}

/// Rethrows an error of the log as one of the runtime.
func mapLogError<Result>(
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
