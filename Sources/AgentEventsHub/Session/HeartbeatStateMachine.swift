/// Decides when a connection is pinged, and when it is taken for dead.
///
/// Its only clock is the sweep over the connections of an event loop, so that it costs a few bytes and no timer.
/// Traffic is noted as it comes, and counted from the sweep that finds it.
///
///     silent ── an interval without input: ping ──> awaitingAnswer ── two intervals more ──> close
///       ^ └── input ──> silent                            │
///       └───────────────────── input ─────────────────────┘
///
/// A client that can say nothing is pinged when nothing was written for an interval, and is never taken for dead here.
package struct HeartbeatStateMachine: Equatable {
    private enum Inbound: Equatable {
        /// Something was received this number of milliseconds ago.
        case silent(for: UInt32)
        /// A ping was sent this number of milliseconds ago, and nothing was received since.
        case awaitingAnswer(for: UInt32)
    }

    private let interval: UInt32
    private let isOneWay: Bool
    private var inbound = Inbound.silent(for: 0)
    private var outboundSilence: UInt32 = 0
    private var hasReceived = false
    private var hasWritten = false

    /// - Parameters:
    ///   - interval: how long either direction may be silent, in milliseconds.
    ///   - isOneWay: whether the client can say nothing.
    package init(interval: UInt32, isOneWay: Bool = false) {
        self.interval = interval
        self.isOneWay = isOneWay
    }

    /// Anything came from the client.
    package mutating func received() { hasReceived = true }

    /// An event or a message was written to the client.
    package mutating func wrote() { hasWritten = true }

    package enum Action: Equatable {
        case none
        /// - Parameters:
        ///   - ping: send a ping frame, which the client's WebSocket answers by itself.
        ///   - message: send the message `ping`, which the client's code gets to see.
        case send(ping: Bool, message: Bool)
        /// Nothing came for two intervals after a ping.
        case close
    }

    /// - Parameters:
    ///   - elapsed: milliseconds since the last sweep.
    ///   - isBlocked: bytes wait that the client does not take. A ping would wait after them, so a missing answer would
    ///     say nothing; meanwhile ``ProgressStateMachine`` decides.
    package mutating func sweep(elapsed: UInt32, isBlocked: Bool) -> Action {
        outboundSilence = hasWritten || isBlocked ? 0 : outboundSilence.addingSaturated(elapsed)
        let sendsMessage = outboundSilence >= interval
        if sendsMessage { outboundSilence = 0 }
        let wasReceived = hasReceived
        hasReceived = false
        hasWritten = false
        if isOneWay { return sendsMessage ? .send(ping: true, message: false) : .none }
        guard !wasReceived else {
            inbound = .silent(for: 0)
            return sendsMessage ? .send(ping: false, message: true) : .none
        }
        switch inbound {
        case .silent(let silence):
            let silence = silence.addingSaturated(elapsed)
            let sendsPing = silence >= interval && !isBlocked
            inbound = sendsPing ? .awaitingAnswer(for: 0) : .silent(for: silence)
            return sendsPing || sendsMessage ? .send(ping: sendsPing, message: sendsMessage) : .none
        case .awaitingAnswer(let waited):
            let waited = isBlocked ? waited : waited.addingSaturated(elapsed)
            if waited / 2 >= interval { return .close }
            inbound = .awaitingAnswer(for: waited)
            return sendsMessage ? .send(ping: false, message: true) : .none
        }
    }
}

extension UInt32 {
    func addingSaturated(_ other: UInt32) -> UInt32 {
        let (sum, isOver) = addingReportingOverflow(other)
        return isOver ? .max : sum
    }
}
