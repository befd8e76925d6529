package import AgentEvents

/// Decides what a follower of one thread does: where it resumes, what it hands on, when it connects again and when it
/// gives up.
package struct FollowerStateMachine: Hashable, Sendable {
    package enum Phase: Hashable, Sendable {
        /// No connection, or none that was greeted.
        case greeting
        /// Asked for the thread, no answer yet.
        case subscribing
        /// Events arrive.
        case following
        /// Refused for good.
        case over
    }

    private let thread: ThreadID
    private let backoff: ReconnectBackoff
    package private(set) var phase = Phase.greeting
    /// Where the next subscription begins.
    package private(set) var position: StartPosition
    /// The sequence number that the next event begins with; `nil` when any will do.
    private var expected: UInt64?
    /// Connections in a row that brought nothing.
    private var failures = 0
    /// A pause that the service asked for: at least so long, in seconds.
    private var leastPauseSeconds: Double = 0
    /// A pause that the service asked for: anywhere below this, in seconds.
    private var drainSeconds: Double?

    package init(thread: ThreadID, start: StartPosition, backoff: ReconnectBackoff = ReconnectBackoff()) {
        self.thread = thread
        self.position = start
        self.backoff = backoff
    }

    package enum ReceiveAction: Sendable {
        case ignore
        /// Ask for the thread from ``position`` on; a silence of this many seconds is the end of the connection.
        case subscribe(heartbeatSeconds: Double?)
        case deliver(FollowedElement)
        /// Leave the connection; ``disconnected(_:random:)`` comes next.
        case disconnect(AgentEventsClientError, delivering: FollowedElement?)
    }

    package mutating func receive(_ message: StreamMessage) -> ReceiveAction {
        switch (phase, message) {
        case (.over, _), (_, .emitted), (_, .other):
            return .ignore
        case (_, .refused(_, let refusal)):
            leastPauseSeconds = Double(refusal.retryAfterMilliseconds ?? 0) / 1000
            return .disconnect(AgentEventsClientError(refusal), delivering: nil)
        case (_, .drain(let milliseconds)):
            drainSeconds = Double(milliseconds) / 1000
            return .ignore
        case (.greeting, .welcome(let heartbeat)):
            phase = .subscribing
            return .subscribe(heartbeatSeconds: heartbeat.map { Double($0) / 1000 })
        case (.subscribing, .subscribed(thread.rawValue, let after)):
            subscribed(after: after)
            return .ignore
        case (.following, .event(let event)):
            return receive(event)
        case (.following, .live(thread.rawValue, let cursor)):
            failures = 0
            return .deliver(.live(cursor))
        case (.subscribing, .reset(thread.rawValue, let reason, _)), (.following, .reset(thread.rawValue, let reason, _)):
            return reset(reason)
        case (.greeting, .event), (.greeting, .subscribed), (.greeting, .live), (.greeting, .reset),
            (.subscribing, .event), (.subscribing, .subscribed), (.subscribing, .live), (.subscribing, .reset),
            (.subscribing, .welcome),
            (.following, .welcome), (.following, .subscribed), (.following, .live), (.following, .reset):
            return violation("a message that does not belong here")
        }
    }

    private mutating func subscribed(after: Cursor?) {
        phase = .following
        switch position {
        case .start:
            expected = after.map { $0.sequence + 1 }
        case .now:
            // From here on the follower knows where it stands; before the first event, that is the start.
            position = after.map { .after($0) } ?? .start
            expected = (after?.sequence ?? 0) + 1
        case .after(let cursor):
            expected = cursor.sequence + 1
        }
    }

    private mutating func receive(_ event: StreamEvent) -> ReceiveAction {
        guard event.thread == thread else { return violation("an event of thread \(event.thread)") }
        if let expected {
            guard event.cursor.sequence >= expected else { return .ignore }
            guard event.firstSequence == expected else {
                return violation("event \(event.firstSequence) where \(expected) was due")
            }
        }
        // Advanced before the event is handed on, so that nothing is given twice.
        position = .after(event.cursor)
        expected = event.cursor.sequence + 1
        failures = 0
        return .deliver(.event(event))
    }

    private mutating func reset(_ reason: ResetReason) -> ReceiveAction {
        position = .start
        expected = nil
        // The first one in a row is not paused for.
        drainSeconds = failures == 0 ? 0 : nil
        let error = AgentEventsClientError(.closed, "the thread's history was reset: \(reason)")
        return .disconnect(error, delivering: .reset(reason))
    }

    private func violation(_ what: String) -> ReceiveAction {
        .disconnect(AgentEventsClientError(.protocolViolation, "the service sent \(what)"), delivering: nil)
    }

    package enum DisconnectAction: Sendable {
        /// Connect again after so many seconds.
        case reconnect(pauseSeconds: Double)
        case fail(AgentEventsClientError)
    }

    /// The connection ended, or could not be opened.
    ///
    /// - Parameter random: 0 up to, not including, 1.
    package mutating func disconnected(_ error: AgentEventsClientError, random: Double) -> DisconnectAction {
        guard phase != .over, error.isRetryable else {
            phase = .over
            return .fail(error)
        }
        phase = .greeting
        failures += 1
        let pause = drainSeconds.map { $0 * random } ?? backoff.pauseSeconds(afterFailures: failures, random: random)
        defer {
            drainSeconds = nil
            leastPauseSeconds = 0
        }
        return .reconnect(pauseSeconds: max(pause, leastPauseSeconds))
    }
}
