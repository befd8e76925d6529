package import AgentEvents
package import AgentEventsProtocol

/// Decides about one followed thread: where it resumes, which events its reader gets, and when it is asked for again.
///
///     idle ── subscribe ──> subscribing ── subscribed ──> following ── filled ──> paused
///      ^                         │                            │                     │
///      │                         └─────────────┬──────────────┘                     │
///      │                                       v refused for now, a further reset   │
///      ├── advance, disconnected ────────── waiting                                 │
///      └── drained ─────────────────────────────────────────────────────────────────┘
///
/// The first reset in a row leads to idle at once, and so does the end of the connection, but not from paused. `over`
/// follows any phase.
package struct FollowerStateMachine: Hashable, Sendable {
    package enum Phase: Hashable, Sendable {
        /// Asked for as soon as there is a connection.
        case idle
        /// Asked for, no answer yet.
        case subscribing
        /// Its events arrive. `isLive`: its history has arrived.
        case following(isLive: Bool)
        /// Its inbox is full; asked for again when there is room.
        case paused
        /// Refused for now; asked for again after this time.
        case waiting(Duration)
        /// Refused for good, or no longer followed.
        case over
    }

    private let thread: ThreadID
    private let backoff: ReconnectBackoff
    package private(set) var phase = Phase.idle
    /// The place where the next subscription begins; `nil` for after what its consumer has acknowledged.
    package private(set) var position: StartPosition?
    /// The sequence number that the next event begins with; `nil` when any will do.
    private var expected: UInt64?
    /// Refusals and resets in a row with no event in between.
    private var failures = 0

    package init(thread: ThreadID, start: StartPosition?, backoff: ReconnectBackoff = ReconnectBackoff()) {
        self.thread = thread
        self.position = start
        self.backoff = backoff
    }

    /// Whether the service has a subscription to this thread, or is about to.
    package var isOnTheWire: Bool {
        switch phase {
        case .subscribing, .following: true
        case .idle, .paused, .waiting, .over: false
        }
    }

    /// Whether nothing is outstanding: it is live, or over.
    package var isSettled: Bool {
        switch phase {
        case .following(let isLive): isLive
        case .over: true
        case .idle, .subscribing, .paused, .waiting: false
        }
    }

    /// There is a connection to ask on.
    ///
    /// - Returns: whether to ask for the thread, from ``position`` on.
    package mutating func subscribe() -> Bool {
        switch phase {
        case .idle:
            phase = .subscribing
            return true
        case .subscribing, .following, .paused, .waiting, .over:
            return false
        }
    }

    package enum ReceiveAction: Sendable {
        case ignore
        case deliver(FollowedElement)
        /// Deliver the reset, end this subscription, and ask again when the machine says so.
        case restart(ResetReason)
        /// The service broke the protocol: leave the connection.
        case reject(AgentEventsClientError)
    }

    /// The service agreed.
    ///
    /// - Parameter after: where the subscription begins; `nil` for before the first event.
    package mutating func subscribed(after: Cursor?) -> ReceiveAction {
        guard case .subscribing = phase else { return belongsElsewhere() }
        phase = .following(isLive: false)
        switch position {
        case .start:
            expected = after.map { $0.sequence + 1 }
        case .now:
            // From here on it is known where the reader stands; before the first event, that is the start.
            position = after.map { .after($0) } ?? .start
            expected = (after?.sequence ?? 0) + 1
        case nil:
            position = after.map { .after($0) } ?? .start
            expected = after.map { $0.sequence + 1 }
        case .after(let cursor)?:
            expected = cursor.sequence + 1
        }
        return .ignore
    }

    package mutating func received(_ event: StreamEvent) -> ReceiveAction {
        guard case .following = phase else { return belongsElsewhere() }
        if let expected {
            // Seen already.
            guard event.cursor.sequence >= expected else { return .ignore }
            // A gap, or an event merged out of seen and unseen ones, which no cursor of ours asks for.
            guard event.firstSequence == expected else {
                return violation("event \(event.firstSequence) of thread \(thread) where \(expected) was due")
            }
        }
        // Advanced before the event is delivered, so that nothing is delivered twice.
        position = .after(event.cursor)
        expected = event.cursor.sequence + 1
        failures = 0
        return .deliver(.event(event))
    }

    package mutating func live(_ cursor: Cursor?) -> ReceiveAction {
        guard case .following = phase else { return belongsElsewhere() }
        phase = .following(isLive: true)
        return .deliver(.live(cursor))
    }

    /// The reader's history is not, or is no longer, the thread's.
    ///
    /// - Parameter random: 0 up to, not including, 1.
    package mutating func reset(_ reason: ResetReason, random: Double) -> ReceiveAction {
        guard isOnTheWire else { return belongsElsewhere() }
        position = .start
        expected = nil
        failures += 1
        // The first reset in a row causes no pause.
        phase =
            failures == 1
            ? .idle : .waiting(backoff.pause(afterFailures: failures - 1, random: random))
        return .restart(reason)
    }

    package enum RefuseAction: Hashable, Sendable {
        case ignore
        /// Ask again when the machine says so.
        case wait
        /// It is over.
        case fail
    }

    /// The service refused the subscription, or ended it.
    ///
    /// - Parameter random: 0 up to, not including, 1.
    package mutating func refused(_ refusal: ProtocolError, random: Double) -> RefuseAction {
        guard isOnTheWire else { return .ignore }
        guard refusal.isRetryable else {
            phase = .over
            return .fail
        }
        failures += 1
        let pause = backoff.pause(afterFailures: failures, random: random)
        phase = .waiting(max(pause, refusal.retryAfter ?? .zero))
        return .wait
    }

    /// Time went by.
    ///
    /// - Returns: whether the pause is over: then ask for the thread.
    package mutating func advance(by time: Duration) -> Bool {
        guard case .waiting(let rest) = phase else { return false }
        guard rest > time else {
            phase = .idle
            return true
        }
        phase = .waiting(rest - time)
        return false
    }

    /// The reader holds as much as it may.
    ///
    /// - Returns: whether to end the subscription on the wire.
    package mutating func filled() -> Bool {
        guard case .following = phase else { return false }
        phase = .paused
        return true
    }

    /// The reader has room again.
    ///
    /// - Returns: whether to ask for the thread.
    package mutating func drained() -> Bool {
        guard case .paused = phase else { return false }
        phase = .idle
        return true
    }

    /// The connection is gone, and every subscription with it.
    package mutating func disconnected() {
        switch phase {
        case .subscribing, .following, .waiting: phase = .idle
        case .idle, .paused, .over: break
        }
    }

    /// The thread is no longer followed.
    ///
    /// - Returns: whether to end the subscription on the wire.
    package mutating func end() -> Bool {
        defer { phase = .over }
        return isOnTheWire
    }

    private func belongsElsewhere() -> ReceiveAction {
        violation("a message about thread \(thread) that does not belong here")
    }

    private func violation(_ what: String) -> ReceiveAction {
        .reject(AgentEventsClientError(.protocolViolation, "the service sent \(what)"))
    }
}
