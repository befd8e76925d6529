/// Decides when a stream connects, how long it pauses after a connection has ended, and when it gives up.
///
///     idle ──> connecting ── welcome ──> open
///               ^    │                     │
///               │    └─────────┬───────────┘
///               │              v lost
///               └ pause over ─ waiting
///
/// `refused` follows connecting and open, `closed` any phase but `refused`.
package struct ReconnectStateMachine: Hashable, Sendable {
    package enum Phase: Hashable, Sendable, CaseIterable {
        /// Not begun.
        case idle
        /// No connection yet, or one that was not greeted yet.
        case connecting
        /// Greeted.
        case open
        /// Between two attempts.
        case waiting
        /// The service refused this client for good; the end.
        case refused
        /// The stream was closed by its user; the end.
        case closed
    }

    /// The longest pause, even if the service asks for a longer one.
    static let longestPause: Duration = .seconds(3600)

    private let backoff: ReconnectBackoff
    package private(set) var phase = Phase.idle
    /// Ends in a row with no event in between.
    private var failures = 0
    /// The pause that a draining service asked for.
    private var drainPause: Duration?
    /// Whether it was tried once more since anything was delivered.
    private var hasTriedOnceMore = false

    package init(backoff: ReconnectBackoff = ReconnectBackoff()) { self.backoff = backoff }

    package enum ConnectAction: Hashable, Sendable {
        /// Open a connection; ``welcome()`` or ``disconnected(isRetryable:minimumPause:random:)`` comes next.
        case connect
        /// There is nothing more to do.
        case stop
    }

    /// The first attempt, or the one after a pause.
    package mutating func connect() -> ConnectAction {
        switch phase {
        case .idle, .waiting:
            phase = .connecting
            return .connect
        case .refused, .closed:
            return .stop
        case .connecting, .open:
            preconditionFailure("one connection at a time")
        }
    }

    package enum MessageAction: Hashable, Sendable {
        case proceed
        /// The message does not belong here: leave the connection.
        case reject
        /// The stream has no connection, or has ended.
        case ignore
    }

    /// The service greeted.
    package mutating func welcome() -> MessageAction {
        switch phase {
        case .connecting:
            phase = .open
            return .proceed
        case .open: return .reject
        case .idle, .waiting, .refused, .closed: return .ignore
        }
    }

    /// Says whether a message about a thread may come now. None comes before the greeting.
    package func validateThreadMessage() -> MessageAction {
        switch phase {
        case .connecting: .reject
        case .open: .proceed
        case .idle, .waiting, .refused, .closed: .ignore
        }
    }

    /// The service delivers: the next failure is the first one in a row.
    package mutating func progressed() {
        failures = 0
        hasTriedOnceMore = false
    }

    /// The service will close the connection soon.
    ///
    /// - Parameter time: how long to stay away after that.
    package mutating func drain(for time: Duration) {
        switch phase {
        case .connecting, .open: drainPause = max(.zero, time)
        case .idle, .waiting, .refused, .closed: break
        }
    }

    package enum DisconnectAction: Hashable, Sendable {
        /// Connect again after this time.
        case pause(Duration)
        /// The error will not go away by itself.
        case refuse
        /// The user of the stream is done with it.
        case stop
    }

    /// The connection ended, or could not be opened.
    ///
    /// - Parameters:
    ///   - isRetryable: whether another attempt may succeed.
    ///   - isRetryableOnce: whether one more attempt may, since it is made with a new token; not another one after that.
    ///   - minimumPause: the shortest pause, as the service asked for.
    ///   - random: 0 up to, not including, 1.
    package mutating func disconnected(
        isRetryable: Bool,
        isRetryableOnce: Bool = false,
        minimumPause: Duration = .zero,
        random: Double
    ) -> DisconnectAction {
        switch phase {
        case .closed, .refused:
            return .stop
        case .idle, .waiting:
            preconditionFailure("there is no connection")
        case .connecting, .open:
            guard isRetryable || isRetryableOnce && !hasTriedOnceMore else {
                phase = .refused
                return .refuse
            }
            if !isRetryable { hasTriedOnceMore = true }
            phase = .waiting
            failures += 1
            // The service spreads its clients itself, so its pause is kept exactly.
            let pause = drainPause ?? backoff.pause(afterFailures: failures, random: random)
            drainPause = nil
            return .pause(min(max(pause, minimumPause), Self.longestPause))
        }
    }

    /// The user of the stream is done with it.
    ///
    /// - Returns: whether there is a connection to say goodbye on.
    package mutating func close() -> Bool {
        switch phase {
        case .open:
            phase = .closed
            return true
        case .idle, .connecting, .waiting, .closed:
            phase = .closed
            return false
        case .refused:
            return false
        }
    }
}
