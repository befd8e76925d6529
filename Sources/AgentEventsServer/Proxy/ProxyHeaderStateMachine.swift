/// The beginning of a connection on which a proxy tells the address of the client.
///
///     reading ── the header is whole ──> accepted
///        │
///        └── it is wrong, too long, or not there in time; the sender is not trusted ──> refused
///
/// It holds at most the bytes of the largest header.
package struct ProxyHeaderStateMachine: Hashable, Sendable {
    private enum State: Hashable, Sendable {
        case reading([UInt8])
        case accepted
        case refused
    }

    package enum Action: Hashable, Sendable {
        /// Nothing until more has come.
        case wait
        /// Pass on what follows the header: the piece without its first bytes.
        case accept(ProxyHeader, consumed: Int)
        /// Pass on the piece as it is.
        case pass
        /// Close the connection, and count it.
        case refuse(String)
        /// The connection is refused already.
        case ignore
    }

    private var state = State.reading([])

    package init() {}

    /// The connection is there.
    package mutating func begin(isTrusted: Bool) -> Action {
        guard case .reading = state else { return .ignore }
        guard !isTrusted else { return .wait }
        state = .refused
        return .refuse("the sender is not a trusted proxy")
    }

    /// A piece of bytes has come.
    package mutating func receive(_ piece: some Collection<UInt8>) -> Action {
        switch state {
        case .accepted: return .pass
        case .refused: return .ignore
        case .reading(var bytes):
            let heldCount = bytes.count
            bytes += piece.prefix(ProxyHeader.maximumByteCounts.binary - heldCount)
            switch ProxyHeader.read(bytes[...]) {
            case .incomplete:
                state = .reading(bytes)
                return .wait
            case .whole(let header, let byteCount):
                state = .accepted
                return .accept(header, consumed: byteCount - heldCount)
            case .invalid(let problem):
                state = .refused
                return .refuse(problem)
            }
        }
    }

    /// The time for the header is over.
    package mutating func deadlinePassed() -> Action {
        guard case .reading = state else { return .ignore }
        state = .refused
        return .refuse("the header of the PROXY protocol has not come in time")
    }
}
