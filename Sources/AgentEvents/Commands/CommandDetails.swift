/// The state that a command met, as far as the runs go that it was for.
public struct CommandDetails: Hashable, Sendable {
    /// A run as the command met it.
    public struct Run: Hashable, Sendable {
        /// The run.
        public var runID: RunID
        /// Its status; `nil` for one that has ended so long ago that nothing else is known of it.
        public var status: Status?
        /// The event that brought it into its status, where that is known.
        public var since: Cursor?
        /// The requests for approval that were open in it.
        public var waitingFor: [ApprovalID]

        public init(runID: RunID, status: Status?, since: Cursor? = nil, waitingFor: [ApprovalID] = []) {
            self.runID = runID
            self.status = status
            self.since = since
            self.waitingFor = waitingFor
        }
    }

    /// The status of a run, by the names on the wire.
    @nonexhaustive
    public enum Status: String, CaseIterable, Sendable {
        case queued
        case running
        /// It waits for an answer to a request for approval, and does nothing else.
        case waiting
        case paused
        case completed
        case failed
        case cancelled

        init(_ status: ThreadState.RunStatus) {
            self =
                switch status {
                case .queued: .queued
                case .running: .running
                case .paused: .paused
                case .completed: .completed
                case .failed: .failed
                case .cancelled: .cancelled
                }
        }
    }

    /// An answer that was given before.
    public struct Resolution: Hashable, Sendable {
        public var decision: ApprovalDecision
        /// The user who gave it; `nil` for none.
        public var by: UserID?
        /// The event that says so.
        public var cursor: Cursor

        public init(decision: ApprovalDecision, by: UserID?, cursor: Cursor) {
            self.decision = decision
            self.by = by
            self.cursor = cursor
        }
    }

    /// A value of a context (``ContextEntry``) as a change met it, or, of a change that was made, its new version.
    public struct Value: Hashable, Sendable {
        /// The version; 0 for a value that is not there.
        public var version: Int64
        /// The value that the change met.
        public var value: JSONValue?
        /// The user who had changed it last; `nil` for an agent.
        public var by: UserID?
        /// The time of that change.
        public var time: Timestamp?

        public init(version: Int64, value: JSONValue? = nil, by: UserID? = nil, time: Timestamp? = nil) {
            self.version = version
            self.value = value
            self.by = by
            self.time = time
        }
    }

    /// The runs that the command was for, in the order of their first events.
    public var runs: [Run]
    /// The open runs without a parent that a `stop` left as they are.
    public var left: [Run]
    /// The log did not know the event that the sender had seen last, so that the command was for all open runs.
    public var isCursorUnknown: Bool
    /// The end of the request for approval that an answer was for; `nil` for one that was open.
    public var resolution: Resolution?
    /// The value of a context that the command was for; `nil` for a command about runs.
    public var value: Value?

    public init(
        runs: [Run] = [],
        left: [Run] = [],
        isCursorUnknown: Bool = false,
        resolution: Resolution? = nil,
        value: Value? = nil
    ) {
        self.runs = runs
        self.left = left
        self.isCursorUnknown = isCursorUnknown
        self.resolution = resolution
        self.value = value
    }
}

extension CommandDetails.Run {
    init(_ run: ThreadOccupancy.Run) {
        self.init(runID: run.id, status: run.status, since: run.since, waitingFor: run.approvals)
    }
}
