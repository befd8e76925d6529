/// Decides when a stream connects, how long it stays away after an end, and when it gives up.
///
///     idle -> connecting -> open -> waiting -> connecting …     (`refused` from connecting and open, `closed` from anywhere)
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
        /// The service will not have this client; the end.
        case refused
        /// Nobody needs the stream any more; the end.
        case closed
    }

    /// However long the service asks to be left alone, it is looked for again after an hour.
    static let longestPause: Duration = .seconds(3600)

    private let backoff: ReconnectBackoff
    package private(set) var phase = Phase.idle
    /// Ends in a row with no event in between.
    private var failures = 0
    /// The pause that a draining service asked for.
    private var drainPause: Duration?

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
        /// Nobody is interested any more.
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

    /// A message about a thread. Nothing about threads comes before the greeting.
    package func validateThreadMessage() -> MessageAction {
        switch phase {
        case .connecting: .reject
        case .open: .proceed
        case .idle, .waiting, .refused, .closed: .ignore
        }
    }

    /// The service delivers: the next failure is the first one in a row.
    package mutating func progressed() { failures = 0 }

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
        /// Nobody needs the stream any more.
        case stop
    }

    /// The connection ended, or could not be opened.
    ///
    /// - Parameters:
    ///   - isRetryable: whether another attempt may succeed.
    ///   - minimumPause: the shortest pause, as the service asked for.
    ///   - random: 0 up to, not including, 1.
    package mutating func disconnected(
        isRetryable: Bool,
        minimumPause: Duration = .zero,
        random: Double
    ) -> DisconnectAction {
        switch phase {
        case .closed, .refused:
            return .stop
        case .idle, .waiting:
            preconditionFailure("there is no connection")
        case .connecting, .open:
            guard isRetryable else {
                phase = .refused
                return .refuse
            }
            phase = .waiting
            failures += 1
            // The service spreads its clients itself: what it said is kept to the letter.
            let pause = drainPause ?? backoff.pause(afterFailures: failures, random: random)
            drainPause = nil
            return .pause(min(max(pause, minimumPause), Self.longestPause))
        }
    }

    /// Nobody needs the stream any more.
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
