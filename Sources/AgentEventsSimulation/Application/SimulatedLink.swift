import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol
import NIOCore
import Synchronization

/// The Swift client's end of a connection in a simulation: what arrives is handed over when the schedule says so, one
/// write of the service at a time and only while the client waits for it. Everything that passes is checked.
///
/// ```
/// open ──fail──> ended (what has arrived is taken, then the error is thrown)
///   └───leave──> left
/// ```
final class SimulatedLink: StreamLink {
    private struct State {
        var arrived = SimulatedQueue<[UInt8]>()
        var error: AgentEventsClientError?
        /// Whether the client waits for a message.
        var isAwaited = false
        /// Since then something is waited for in vain.
        var silentSince: SimulatedTime.Nanoseconds = 0
        var silenceLimit: SimulatedTime.Nanoseconds?
        /// The number of the timer that looks whether anything was heard.
        var timer: UInt64?
        var check: WireCheck
        /// Subscriptions that the client has not ended by itself.
        var isLeft = false
    }

    private let transport: SimulatedTransport.Handle
    private let witness: LogWitness
    private let time: SimulatedTime
    private let state: Mutex<State>
    private let arrivals = WakeSignal()
    private static let firstSilence = Duration.seconds(60)
    private let maximumBatchEvents = 1000

    init(_ transport: SimulatedTransport.Handle, witness: LogWitness, time: SimulatedTime, isWorker: Bool = false) {
        self.transport = transport
        self.witness = witness
        self.time = time
        state = Mutex(State(check: WireCheck(witness: witness, isWorker: isWorker)))
        // As long as the service has not said how often it is heard.
        limitSilence(to: Self.firstSilence)
    }

    // MARK: The schedule's side

    var isOpen: Bool { state.withLock { $0.error == nil && !$0.isLeft } }
    var isReadyToDeliver: Bool {
        state.withLock { $0.isAwaited && $0.error == nil && !$0.isLeft } && transport.wire.hasNews
    }
    var isReadyToRead: Bool { transport.isReadyToRead }
    /// Whether the service still has to do with it.
    var isOfInterest: Bool { isOpen || transport.isOpen }

    /// Hands over what comes next, were it the end.
    func deliver() {
        guard isReadyToDeliver else { return }
        guard var bytes = transport.wire.take() else {
            let code = transport.wire.code.map { Int($0.rawValue) } ?? 1006
            return fail(AgentEventsClientError(.closed, "the connection has ended", closeCode: code))
        }
        if transport.isHoldingBack { transport.wireHasRoom() }
        let violation: InvariantViolation? = state.withLock { state in
            state.isAwaited = false
            var violation: InvariantViolation?
            while violation == nil, bytes.readableBytes > 0 {
                guard let length = bytes.readInteger(as: UInt32.self),
                    let message = bytes.readBytes(length: Int(length))
                else {
                    violation = InvariantViolation(.protocolKept, "a message is cut")
                    break
                }
                violation = Self.check(message, &state.check)
                state.arrived.append(message)
            }
            return violation
        }
        if let violation { witness.fail(violation) }
        arrivals.signal()
    }

    private static func check(_ message: [UInt8], _ check: inout WireCheck) -> InvariantViolation? {
        do throws(WireError) {
            return check.received(try ServerMessage(message))
        } catch {
            return InvariantViolation(.protocolKept, "\(error)")
        }
    }

    /// The service takes what the client sent.
    ///
    /// - Returns: whether there was something.
    func readNext() -> Bool { transport.readNext() }

    /// The connection breaks.
    ///
    /// - Parameters:
    ///   - tellsService: whether the service learns of it.
    ///   - count: this number of the messages that are on their way to the service still arrive.
    func cut(tellsService: Bool, keeping count: Int) {
        witness.count(.connectionLost)
        if transport.wire.hasBytes { witness.count(.frameLost) }
        transport.wire.leave(keeping: count)
        if tellsService { transport.lose() }
        fail(AgentEventsClientError(.closed, "the connection broke", closeCode: 1006))
    }

    /// From now on nothing passes, and neither side learns of it.
    func die() {
        if transport.wire.hasBytes { witness.count(.frameLost) }
        transport.wire.die()
    }

    /// The credentials expire.
    func expire() { transport.expire() }

    /// What the client asked for and was not answered.
    var missing: InvariantViolation? { state.withLock { $0.error == nil && !$0.isLeft ? $0.check.missing : nil } }

    private func fail(_ error: AgentEventsClientError) {
        let timer: UInt64? = state.withLock { state in
            if state.error == nil { state.error = error }
            return state.timer
        }
        if let timer { time.cancel(timer) }
        arrivals.signal()
    }

    // MARK: Silence

    private func look(after nanoseconds: SimulatedTime.Nanoseconds) {
        let number = time.makeNumber()
        let before: UInt64? = state.withLock { state in
            defer { state.timer = number }
            return state.timer
        }
        if let before { time.cancel(before) }
        time.add(number, at: time.now + nanoseconds) { [weak self] in self?.lookForSilence() }
    }

    /// Time counts only while somebody wants to read.
    private func lookForSilence() {
        let now = time.now
        let rest: SimulatedTime.Nanoseconds? = state.withLock { state in
            guard state.error == nil, !state.isLeft, let limit = state.silenceLimit else { return nil }
            return state.isAwaited ? state.silentSince + limit - now : limit
        }
        guard let rest else { return }
        if rest > 0 { return look(after: rest) }
        witness.count(.clientFoundSilence)
        fail(AgentEventsClientError(.silent, "nothing was heard"))
    }

    // MARK: StreamLink

    func next() async throws -> [UInt8]? {
        while true {
            let now = time.now
            let (message, error): ([UInt8]?, AgentEventsClientError?) = state.withLock { state in
                if let message = state.arrived.popFirst() { return (message, nil) }
                if !state.isAwaited {
                    state.isAwaited = true
                    state.silentSince = now
                }
                return (nil, state.error)
            }
            if let message { return message }
            if let error {
                // What the service does with it is its own business; it learns of it in time.
                throw error
            }
            guard await arrivals.wait() else { return nil }
        }
    }

    func send(_ message: [UInt8]) async throws(AgentEventsClientError) {
        do throws(ProtocolError) {
            let sent = try ClientMessage.decode(message, maximumBatchEvents: maximumBatchEvents)
            state.withLock { $0.check.sent(sent) }
        } catch {
            witness.fail(InvariantViolation(.protocolKept, "the client sends what is refused: \(error)"))
        }
        guard await transport.wire.sendWhenRoom(message) else {
            throw state.withLock { $0.error }
                ?? AgentEventsClientError(.closed, "the connection has ended", closeCode: 1006)
        }
    }

    func limitSilence(to limit: Duration) {
        let nanoseconds = SimulatedTime.Nanoseconds(limit / .nanoseconds(1))
        state.withLock { $0.silenceLimit = nanoseconds }
        look(after: nanoseconds)
    }

    func close() async { leave() }

    /// The client's scope has ended: the service is told, after what was sent.
    func leave() {
        let timer: UInt64? = state.withLock { state in
            state.isLeft = true
            return state.timer
        }
        if let timer { time.cancel(timer) }
        transport.wire.leave(keeping: .max, saysSo: true)
    }
}
