import AgentEventsHub
import AgentEventsProtocol
import NIOCore
import Synchronization

/// The server's side of a connection in a simulation: what is flushed goes to a ``SimulatedWire`` as far as it has room, and one
/// message is read at a time, when the schedule says so. Confined to its loop, but for ``Handle``.
///
/// ```
/// open ──close──> closing (the rest, then the code) ──> closed
///   └──────────lose──────────────────────────────────────┘
/// ```
final class SimulatedTransport: StreamTransport {
    /// What others than the loop may look at, and the way to the transport.
    final class Handle: Sendable {
        fileprivate struct Visible {
            var isOpen = true
            var reads = true
            var byteCount = 0
        }

        let wire: SimulatedWire
        let loop: SimulatedEventLoop
        fileprivate let visible = Mutex(Visible())
        fileprivate let bound: NIOLoopBoundBox<SimulatedTransport?>

        fileprivate init(wire: SimulatedWire, loop: SimulatedEventLoop) {
            self.wire = wire
            self.loop = loop
            bound = NIOLoopBoundBox(nil, eventLoop: loop)
        }

        var isOpen: Bool { visible.withLock { $0.isOpen } }
        /// Whether there is something to be read, and somebody who reads.
        var isReadyToRead: Bool { visible.withLock { $0.isOpen && $0.reads } && wire.hasRequest && !loop.inEventLoop }
        /// Whether something waits for room on the wire.
        var isHoldingBack: Bool { visible.withLock { $0.byteCount > 0 } }

        /// Reads the next message.
        ///
        /// - Returns: whether it could.
        @discardableResult
        func readNext() -> Bool {
            guard isReadyToRead else { return false }
            loop.run { bound.value?.readNext() }
            return true
        }

        /// The client has taken something.
        func wireHasRoom() { loop.execute { [self] in bound.value?.wireHasRoom() } }

        /// The credentials of the connection have expired: its carrier ends it.
        func expire() {
            loop.execute { [self] in
                bound.value?.session?.close(.notAuthenticated, reason: "the token has expired")
            }
        }

        /// The connection is broken.
        func lose() { loop.execute { [self] in bound.value?.end() } }
    }

    let handle: Handle
    let framing = StreamFraming.lengthPrefixed
    private(set) var isWritable = true
    private(set) var pendingByteCount = 0 {
        didSet { handle.visible.withLock { $0.byteCount = pendingByteCount } }
    }
    private let highWater: Int
    private let maximumPendingByteCount: Int
    private let exceeded: (Int) -> Void
    /// A state is one message, however large it is.
    private var largestStateByteCount = 0
    private var session: StreamSession?
    private var written = SimulatedQueue<ByteBuffer>()
    /// Those written first are flushed.
    private var flushedCount = 0
    private var isClosing = false
    private var code: StreamCloseCode?

    /// Called on the loop.
    ///
    /// - Parameters:
    ///   - highWater: with more bytes than this that the wire has not taken the transport is not writable, until half of them
    ///     are taken.
    ///   - maximumPendingByteCount: no more than this may ever wait for the wire (I6).
    ///   - exceeded: told when it is more.
    init(
        wire: SimulatedWire,
        loop: SimulatedEventLoop,
        highWater: Int,
        maximumPendingByteCount: Int,
        exceeded: @escaping (Int) -> Void
    ) {
        self.highWater = highWater
        self.maximumPendingByteCount = maximumPendingByteCount
        self.exceeded = exceeded
        handle = Handle(wire: wire, loop: loop)
        handle.bound.value = self
    }

    func begin(_ session: StreamSession) { self.session = session }

    private func readNext() {
        guard let session, let message = handle.wire.takeRequest() else { return }
        switch message {
        case .message(let bytes): session.receive(ByteBuffer(bytes: bytes))
        case .sign: session.didHear()
        case .end: return end()
        }
        session.readComplete()
    }

    private func wireHasRoom() { if writeFlushed() { session?.writabilityChanged() } }

    private func end() {
        guard handle.isOpen else { return }
        handle.visible.withLock { $0 = Handle.Visible(isOpen: false, reads: false) }
        handle.wire.end(code: code)
        written = SimulatedQueue()
        flushedCount = 0
        isWritable = false
        session?.closed()
        session = nil
        handle.bound.value = nil
    }

    // MARK: StreamTransport

    func write(_ messages: ByteBuffer) {
        guard handle.isOpen, !isClosing else { return }
        written.append(messages)
        pendingByteCount += messages.readableBytes
        if Self.isState(messages) { largestStateByteCount = max(largestStateByteCount, messages.readableBytes) }
        if pendingByteCount > maximumPendingByteCount + largestStateByteCount { exceeded(pendingByteCount) }
        guard pendingByteCount > highWater, isWritable else { return }
        isWritable = false
        tellWritability()
    }

    func flush() {
        flushedCount = written.count
        if writeFlushed() { tellWritability() }
    }

    private static func isState(_ messages: ByteBuffer) -> Bool {
        let prefix = #"{"op":"snapshot""#
        return messages.getString(at: messages.readerIndex + 4, length: prefix.utf8.count) == prefix
    }

    /// In the next turn: the session is in the middle of something.
    private func tellWritability() {
        let handle = handle
        handle.loop.execute { handle.bound.value?.session?.writabilityChanged() }
    }

    /// - Returns: whether the session is to be told that the transport is writable again.
    private func writeFlushed() -> Bool {
        while handle.isOpen, flushedCount > 0, let bytes = written.first, handle.wire.offer(bytes) {
            _ = written.popFirst()
            flushedCount -= 1
            pendingByteCount -= bytes.readableBytes
        }
        if isClosing, written.isEmpty {
            let handle = handle
            handle.loop.execute { handle.bound.value?.end() }
        }
        guard !isWritable, !isClosing, handle.isOpen, pendingByteCount < highWater / 2 else { return false }
        isWritable = true
        return true
    }

    func setReading(_ isEnabled: Bool) { handle.visible.withLock { $0.reads = isEnabled } }

    func close(_ code: StreamCloseCode, reason: String) {
        guard handle.isOpen, !isClosing else { return }
        isClosing = true
        self.code = code
        flushedCount = written.count
        _ = writeFlushed()
        // A client that takes nothing is not waited for.
        let handle = handle
        _ = handle.loop.scheduleTask(in: .seconds(2)) { handle.bound.value?.end() }
    }
}
