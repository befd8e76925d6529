package import AgentEvents
package import AgentEventsProtocol

/// Decides about one followed thread: where it resumes, what of it is handed on, and when it is asked for again.
///
///     idle -> subscribing -> following -> paused | waiting -> idle …     (and `over` from anywhere)
package struct FollowerStateMachine: Hashable, Sendable {
    package enum Phase: Hashable, Sendable {
        /// To be asked for as soon as there is a connection.
        case idle
        /// Asked for, no answer yet.
        case subscribing
        /// Its events arrive. `isLive`: all of those that were there before have.
        case following(isLive: Bool)
        /// Its reader holds as much as it may; to be asked for again when there is room.
        case paused
        /// Refused for now; to be asked for again after this time.
        case waiting(Duration)
        /// Refused for good, or of no interest any more.
        case over
    }

    private let thread: ThreadID
    private let backoff: ReconnectBackoff
    package private(set) var phase = Phase.idle
    /// Where the next subscription begins; `nil` behind what its consumer has acknowledged.
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
        /// Hand on the reset, end this subscription, and ask again when the machine wants to.
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
        // Advanced before the event is handed on, so that nothing is given twice.
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

    /// What the reader has is not the thread's history (any more).
    ///
    /// - Parameter random: 0 up to, not including, 1.
    package mutating func reset(_ reason: ResetReason, random: Double) -> ReceiveAction {
        guard isOnTheWire else { return belongsElsewhere() }
        position = .start
        expected = nil
        failures += 1
        // The first one in a row is not paused for.
        phase =
            failures == 1
            ? .idle : .waiting(backoff.pause(afterFailures: failures - 1, random: random))
        return .restart(reason)
    }

    package enum RefuseAction: Hashable, Sendable {
        case ignore
        /// Ask again when the machine wants to.
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
        phase = .waiting(max(pause, .milliseconds(refusal.retryAfterMilliseconds ?? 0)))
        return .wait
    }

    /// Time went by.
    ///
    /// - Returns: whether the pause is over, and the thread to be asked for.
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
    /// - Returns: whether the thread is to be asked for.
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

    /// The thread is of no interest any more.
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
