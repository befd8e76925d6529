package import AgentEvents

// The runs, requests and actions of the queue.

extension RunQueueStateMachine {
    /// The limits on runs of one process.
    package struct Limits: Hashable, Sendable {
        package var running = 256
        package var runningPerUser = 8
        package var queued = 10_000
        package var queuedPerUser = 64

        package init() {}
    }

    /// A run of a thread.
    package struct Place: Hashable, Sendable {
        package var thread: ThreadID
        package var run: RunID

        package init(thread: ThreadID, run: RunID) {
            self.thread = thread
            self.run = run
        }
    }

    /// A queued run.
    package struct Entry: Hashable, Sendable {
        package var place: Place
        /// The user that the thread belongs to.
        package var owner: UserID
        /// The user on whose behalf it runs, who takes turns with others.
        package var user: UserID
        package var agent: AgentName
        /// The number of its `agent_queued` in its thread.
        package var sequence: UInt64
        package var queuedAt: Timestamp
        /// It does not start earlier.
        package var notBefore: Timestamp?
        /// Says if a schedule asked for it.
        package var isScheduled: Bool

        package init(
            place: Place,
            owner: UserID,
            user: UserID,
            agent: AgentName,
            sequence: UInt64,
            queuedAt: Timestamp,
            notBefore: Timestamp? = nil,
            isScheduled: Bool = false
        ) {
            self.place = place
            self.owner = owner
            self.user = user
            self.agent = agent
            self.sequence = sequence
            self.queuedAt = queuedAt
            self.notBefore = notBefore
            self.isScheduled = isScheduled
        }
    }

    package enum Action: Hashable, Sendable {
        /// Try to start the run, in a slot that it has; see ``attemptEnded(_:_:)``.
        case start(Entry)
        /// The run has a slot again.
        case proceed(Place)
        /// No further run starts.
        case finish
    }

    /// A request that is let in.
    package struct Admission: Hashable, Sendable {
        /// For ``settle(_:as:)``.
        package var ticket: Int
        /// Says if it has a slot, and may start a run.
        package var hasSlot: Bool
        /// The reason for which it may not be queued; `nil` when it may.
        package var queueRefusal: ConcurrencyPolicy.QueueRefusal?
    }

    /// The outcome of a request.
    package enum Outcome: Hashable, Sendable {
        /// Its run has started, in the slot of the admission.
        case started(Place)
        /// Its run is queued.
        ///
        /// - Parameter settlesUntil: it does not start before this time while bodies of its thread have not returned.
        case queued(Entry, settlesUntil: Timestamp?)
        case nothing
    }

    /// The ends of an attempt to start a run.
    package enum AttemptEnd: Hashable, Sendable, CaseIterable {
        /// The run has started.
        case started
        /// It has, and another one may start beside it.
        case startedBesideOthers
        /// The thread is busy.
        case held
        /// It could not be decided, or is not the next one: it is tried again in a moment.
        case later
        /// It is not queued any longer.
        case gone
    }
}
