import AgentEventsProtocol
import NIOCore

/// The way from a session to its client: the transport, what is known of the connection, and whether the client lives
/// and takes what it is sent. Confined to the event loop.
final class SessionOutput {
    private let transport: any StreamTransport
    private let services: SessionServices
    /// Whether the client can say nothing.
    let isOneWay: Bool
    private var connection = ConnectionStateMachine()
    private var heartbeat: HeartbeatStateMachine
    private var progress: ProgressStateMachine
    private var writtenByteCount: UInt64 = 0
    /// The number of bytes of answers that were written while the client took nothing.
    private var backlogByteCount = 0
    /// The time that the client was told, or is told with the close, when the service stops.
    private var reconnectDelay: ReconnectDelay?
    private var isReading = true
    private var hasPendingWrites = false
    private var isAttended = false

    init(_ transport: any StreamTransport, services: SessionServices) {
        self.transport = transport
        self.services = services
        isOneWay = transport is any OneWayTransport
        heartbeat = HeartbeatStateMachine(
            interval: isOneWay ? services.limits.oneWayPingMilliseconds : services.limits.heartbeatMilliseconds,
            isOneWay: isOneWay)
        progress = ProgressStateMachine(deadline: services.limits.stallMilliseconds)
    }

    var framing: StreamFraming { transport.framing }
    var metrics: StreamMetrics { services.metrics }
    var access: ThreadAccess { services.access }

    /// Whether the client takes what it is sent, and anything may be written.
    var isWritable: Bool { connection.mayWrite && transport.isWritable }
    var takesSubscriptions: Bool { connection.takesSubscriptions }
    var takesEmissions: Bool { connection.takesEmissions }

    // MARK: Writing

    func send(_ message: ServerMessage) {
        guard connection.mayWrite else { return }
        let frame = framing.frame(message.encoded())
        countBacklog(frame.readableBytes)
        write(frame)
    }

    private func countBacklog(_ byteCount: Int) {
        if !transport.isWritable { backlogByteCount += byteCount }
    }

    /// Whether this number of bytes may be written at a time; it comes page by page otherwise.
    func mayWrite(byteCount: Int) -> Bool { isWritable && byteCount <= services.limits.maximumWriteByteCount }

    /// Writes finished frames, which others may share.
    func write(_ frames: ByteBuffer) {
        guard connection.mayWrite else { return }
        heartbeat.wrote()
        writtenByteCount += UInt64(frames.readableBytes)
        transport.write(frames)
    }

    /// The transport has written something by itself.
    func didWriteControl(byteCount: Int) {
        countBacklog(byteCount)
        heartbeat.wrote()
        writtenByteCount += UInt64(byteCount)
    }

    func flush() {
        if connection.mayWrite { transport.flush() }
    }

    /// Something was written with a commit; ``flushWritten()`` follows, or ``StreamSession/flushWritten()``.
    ///
    /// - Returns: whether it is the first since then.
    func markWritten() -> Bool {
        defer { hasPendingWrites = true }
        return !hasPendingWrites
    }

    /// The session has something to do with a commit; ``StreamSession/flushWritten()`` follows.
    ///
    /// - Returns: whether it is the first since then.
    func markAttended() -> Bool {
        defer { isAttended = true }
        return !isAttended
    }

    /// Everything of a commit is written.
    func flushWritten() {
        guard hasPendingWrites else { return }
        hasPendingWrites = false
        flush()
    }

    /// The session does what it has to, and flushes.
    func beginAttending() {
        isAttended = false
        hasPendingWrites = false
    }

    func writabilityChanged() {
        if transport.isWritable { backlogByteCount = 0 }
    }

    // MARK: Reading

    func didHear() { heartbeat.received() }

    /// Reading pauses while too much waits to be carried out, or too many answers to be taken.
    func updateReading(isOverloaded: Bool) {
        guard connection.mayWrite else { return }
        let reads = !isOverloaded && backlogByteCount < services.limits.maximumBacklogByteCount
        guard reads != isReading else { return }
        isReading = reads
        transport.setReading(reads)
    }

    // MARK: Life

    func welcomed() { connection.welcomed() }

    /// Tells a client that can say nothing when to come back. Others are told by messages, or know it by themselves.
    ///
    /// - Parameter milliseconds: from the time at which the connection ends.
    func announceReturn(afterMilliseconds milliseconds: @autoclosure () -> Int64) {
        guard isOneWay, connection.mayWrite, let oneWay = transport as? any OneWayTransport else { return }
        heartbeat.wrote()
        writtenByteCount += UInt64(oneWay.announceReturn(afterMilliseconds: milliseconds()))
    }

    /// Tells the client, once, that the service is about to stop.
    func drain(reconnectMilliseconds: Int64) {
        switch connection.drain() {
        case .none: break
        case .announce:
            reconnectDelay = ReconnectDelay(milliseconds: reconnectMilliseconds)
            announceReturn(afterMilliseconds: reconnectMilliseconds)
            send(.drain(reconnectMilliseconds: reconnectMilliseconds))
        }
    }

    /// The service stops.
    ///
    /// - Parameters:
    ///   - isIdle: nothing that the client asked for is still to be answered.
    ///   - reconnectMilliseconds: when the client may come back, unless it was told before.
    /// - Returns: whether the connection was closed.
    func leave(isIdle: Bool, reconnectMilliseconds: @autoclosure () -> Int64) -> Bool {
        if reconnectDelay == nil {
            let delay = ReconnectDelay(milliseconds: reconnectMilliseconds())
            reconnectDelay = delay
            announceReturn(afterMilliseconds: delay.milliseconds)
        }
        return act(on: connection.leave(isIdle: isIdle))
    }

    /// All that the client asked for is answered.
    ///
    /// - Returns: whether the connection was closed.
    func becameIdle() -> Bool { act(on: connection.becameIdle()) }

    private func act(on action: ConnectionStateMachine.CloseAction) -> Bool {
        switch action {
        case .none:
            return false
        case .close:
            metrics.closed(.goingAway)
            guard let reconnectDelay else { preconditionFailure("a connection is left with a time to come back") }
            transport.close(.goingAway, reason: reconnectDelay.reason)
            return true
        }
    }

    /// - Returns: whether the connection was closed, and not before.
    func close(_ code: StreamCloseCode, reason: String) -> Bool {
        switch connection.close() {
        case .none:
            return false
        case .close:
            metrics.closed(code)
            transport.close(code, reason: reason)
            return true
        }
    }

    /// The connection is gone.
    func lost() {
        // Not after a close of this side, and once only.
        if connection.mayWrite { metrics.clientGone() }
        connection.lost()
    }

    /// Looks after the connection: pings it when it is silent, and closes it when it is dead.
    ///
    /// - Returns: whether the connection was closed.
    func sweep(elapsed milliseconds: UInt32) -> Bool {
        guard connection.mayWrite else { return false }
        let pending = transport.pendingByteCount
        switch progress.sweep(elapsed: milliseconds, writtenByteCount: writtenByteCount, pendingByteCount: pending) {
        case .none: break
        case .close:
            services.metrics.recordSlowReaderClosed()
            let seconds = Double(services.limits.stallMilliseconds) / 1000
            return close(
                .heartbeatMissed, reason: "slow reader: nothing was read for \(seconds) s; resume at the cursor")
        }
        // A client that is not read from cannot be heard.
        switch heartbeat.sweep(elapsed: milliseconds, isBlocked: pending > 0 || !isReading) {
        case .none: return false
        case .send(let ping, let message):
            sendPings(ping: ping, message: message)
            return false
        case .close:
            services.metrics.recordMissedHeartbeat()
            return close(.heartbeatMissed, reason: "heartbeat missed: nothing came since the last ping")
        }
    }

    private func sendPings(ping: Bool, message: Bool) {
        // Not noted by the heartbeat: a client's code never sees such a ping, so for it the connection is as silent as
        // before.
        let pinging = transport as? any PingingTransport
        if ping, let pinging { writtenByteCount += UInt64(pinging.ping()) }
        // Where there is no other ping, the client answers the message.
        if message || ping && pinging == nil { send(.ping) }
        flush()
    }
}
