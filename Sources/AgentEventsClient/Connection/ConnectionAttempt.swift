internal import NIOCore
internal import Synchronization

/// The channels of a connection that is being opened: one for each address that is tried.
final class ConnectionAttempt: Sendable {
    private struct State {
        var channels: [any Channel] = []
        var isCancelled = false
        var failure: (any Error)?
    }

    private let state = Mutex(State())

    /// - Throws: `CancellationError` when nobody wants the channel any longer.
    func begin(_ channel: any Channel) throws(CancellationError) {
        let isCancelled = state.withLock { state in
            if !state.isCancelled { state.channels.append(channel) }
            return state.isCancelled
        }
        if isCancelled { throw CancellationError() }
    }

    /// The first error of TLS.
    var failure: (any Error)? { state.withLock { $0.failure } }

    func note(_ failure: any Error) {
        state.withLock { $0.failure = $0.failure ?? failure }
    }

    /// Closes all channels, whether they are open or still opening.
    func cancel() {
        let channels = state.withLock { state in
            state.isCancelled = true
            defer { state.channels = [] }
            return state.channels
        }
        for channel in channels { channel.close(promise: nil) }
    }
}
