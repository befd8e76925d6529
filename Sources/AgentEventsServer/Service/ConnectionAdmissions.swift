import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import NIOCore
import Synchronization

/// Admits the connections of a server, as long as there are not too many: of one address, in all, or without credentials.
final class ConnectionAdmissions: Sendable {
    /// The fate of a connection that was accepted.
    enum Verdict: Sendable {
        case admitted(ConnectionTicket)
        /// It is told why, and closed.
        case refused(ClosingAnswer)
        /// It is closed at once: too many are being told.
        case dropped
        /// Its client has left already. A client that connects and leaves again and again would cost a pipeline each time, and is
        /// nobody whose connections can be counted.
        case gone
    }

    private let usage: ServiceLimits
    /// `Int.max` for any number.
    private let maximumCount: Atomic<Int>
    private let count = Atomic<Int>(0)
    private let refusedCount = Atomic<Int>(0)
    /// `nil` when nobody has to show credentials.
    private let unauthenticated: UnauthenticatedConnections?
    /// The number of connections that are being told why they are closed; what is above the limit costs files, too.
    private static let maximumRefusedCount = 128

    init(_ usage: ServiceLimits, maximumCount: Int?, needsCredentials: Bool) {
        self.usage = usage
        self.maximumCount = Atomic(maximumCount ?? Int.max)
        let limits = usage.configuration
        unauthenticated =
            needsCredentials
            ? UnauthenticatedConnections(
                UnauthenticatedStateMachine(
                    maximumCount: limits.unauthenticatedConnections,
                    maximumCountPerAddress: limits.unauthenticatedConnectionsPerAddress)) : nil
    }

    /// Other limits count from now on, for connections that begin.
    ///
    /// - Parameter maximumCount: of all connections; `nil` for any number.
    func replace(maximumCount: Int?, _ limits: LimitConfiguration) {
        self.maximumCount.store(maximumCount ?? Int.max, ordering: .relaxed)
        unauthenticated?.replace(by: limits)
    }

    /// Called on the event loop of the channel.
    ///
    /// - Parameter isProxied: whether the peer is a proxy: then its clients count, once they are known
    ///   (``ConnectionTicket/begin(from:on:)``).
    func admit(_ channel: any Channel, isProxied: Bool) -> Verdict {
        if channel.isGone { return .gone }
        let address = isProxied ? nil : usage.limited(AddressKey(channel.peerAddress))
        let number = count.add(1, ordering: .relaxed).newValue
        if number > maximumCount.load(ordering: .relaxed), usage.hits.applies(.connections, .refused) {
            count.subtract(1, ordering: .relaxed)
            return refuse(
                ProtocolError(
                    .tooManyConnections, "the service has as many connections as it takes: try again later",
                    isRetryable: true, retryAfterMilliseconds: 1000), status: 503, channel)
        }
        if let address, let refusal = usage.connect(address) {
            count.subtract(1, ordering: .relaxed)
            return refuse(refusal, status: refusal.status.code, channel)
        }
        let id = begin(channel, address)
        channel.closeFuture.whenComplete { _ in
            self.count.subtract(1, ordering: .relaxed)
            if let address { self.usage.disconnect(address) }
            if let id { self.unauthenticated?.end(id) }
        }
        return .admitted(
            ConnectionTicket(address, of: channel.peerAddress, usage: usage, channel: channel) { [unauthenticated] in
                if let id { unauthenticated?.end(id) }
            })
    }

    private func refuse(_ error: ProtocolError, status: Int, _ channel: any Channel) -> Verdict {
        guard refusedCount.add(1, ordering: .relaxed).newValue <= Self.maximumRefusedCount else {
            refusedCount.subtract(1, ordering: .relaxed)
            return .dropped
        }
        channel.closeFuture.whenComplete { _ in self.refusedCount.subtract(1, ordering: .relaxed) }
        return .refused(ClosingAnswer(status: status, error: error))
    }

    /// - Returns: `nil` when it may take its time to show credentials.
    private func begin(_ channel: any Channel, _ address: AddressKey?) -> UnauthenticatedStateMachine.ID? {
        guard let (id, displaced) = unauthenticated?.begin(channel, address) else { return nil }
        if let displaced, usage.hits.applies(.unauthenticated, .closed) { displaced.close(promise: nil) }
        return id
    }
}

extension Channel {
    /// Whether its peer is gone: the system no longer knows its address. Called on the event loop.
    fileprivate var isGone: Bool {
        switch localAddress {
        case .v4, .v6: remoteAddress == nil
        case .unixDomainSocket, nil: false
        }
    }
}

/// The connections that have not shown credentials yet.
private final class UnauthenticatedConnections: Sendable {
    private struct State {
        var machine: UnauthenticatedStateMachine
        var channels: [UnauthenticatedStateMachine.ID: any Channel] = [:]
    }

    private let state: Mutex<State>

    init(_ machine: UnauthenticatedStateMachine) { state = Mutex(State(machine: machine)) }

    func replace(by limits: LimitConfiguration) {
        state.withLock {
            $0.machine.replace(
                maximumCount: limits.unauthenticatedConnections,
                maximumCountPerAddress: limits.unauthenticatedConnectionsPerAddress)
        }
    }

    /// - Returns: the number of the connection, and the one that has to make room for it.
    func begin(
        _ channel: any Channel,
        _ address: AddressKey?
    ) -> (id: UnauthenticatedStateMachine.ID, displaced: (any Channel)?) {
        state.withLock { state in
            let begun = state.machine.begin(address)
            state.channels[begun.id] = channel
            return (begun.id, begun.displaced.flatMap { state.channels.removeValue(forKey: $0) })
        }
    }

    /// The connection is authenticated, or gone.
    func end(_ id: UnauthenticatedStateMachine.ID) {
        state.withLock { state in
            state.machine.end(id)
            state.channels[id] = nil
        }
    }
}
