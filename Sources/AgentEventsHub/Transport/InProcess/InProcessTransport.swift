import AgentEvents
import AgentEventsProtocol
import NIOCore
import Synchronization

/// The hub's end of what passes through a pipe.
protocol PipeTransport: StreamTransport {
    var pipe: InProcessPipe { get }
}

extension PipeTransport {
    var framing: StreamFraming { .lengthPrefixed }
    var isWritable: Bool { pipe.withMachine { $0.isWritable } }
    var pendingByteCount: Int { pipe.withMachine { $0.pendingByteCount } }

    func write(_ messages: ByteBuffer) { pipe.withMachine { $0.write(messages) } }

    func flush() {
        if pipe.withMachine({ $0.flush() }) { pipe.arrivals.signal() }
    }

    func closePipe(_ code: StreamCloseCode, reason: String) {
        pipe.withMachine { $0.close(code, reason: reason) }
        pipe.arrivals.signal()
        pipe.resumeSenders()
    }
}

/// The hub's end of a connection in one process.
final class InProcessTransport: PipeTransport {
    let pipe: InProcessPipe

    init(_ pipe: InProcessPipe) { self.pipe = pipe }

    func setReading(_ isEnabled: Bool) {
        if pipe.withMachine({ $0.setReading(isEnabled) }) { pipe.resumeSenders() }
    }

    func close(_ code: StreamCloseCode, reason: String) { closePipe(code, reason: reason) }
}

/// The space between the two ends of a connection in one process.
final class InProcessPipe: Sendable {
    private struct State {
        var machine: InProcessStateMachine
        /// Those that wait until the hub reads again.
        var senders: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var nextSender: UInt64 = 0
    }

    /// Tells the client's end that something was flushed, or that the connection has ended.
    let arrivals = WakeSignal()
    private let state: Mutex<State>

    init(watermarkByteCount: Int) {
        state = Mutex(State(machine: InProcessStateMachine(watermarkByteCount: watermarkByteCount)))
    }

    func withMachine<Result>(_ body: (inout InProcessStateMachine) -> Result) -> Result {
        var result: Result?
        state.withLock { result = body(&$0.machine) }
        guard let result else { preconditionFailure("the body is called") }
        return result
    }

    /// Those that wait to send ask again.
    func resumeSenders() {
        let senders = state.withLock { state in
            defer { state.senders = [:] }
            return state.senders.values.map { $0 }
        }
        for sender in senders { sender.resume() }
    }

    /// Asks to send, and waits until that is answered.
    ///
    /// - Returns: `wait` only when the task is cancelled.
    func send(byteCount: Int) async -> InProcessStateMachine.SendAction {
        while !Task.isCancelled {
            let number = state.withLock { state in
                defer { state.nextSender += 1 }
                return state.nextSender
            }
            var action = InProcessStateMachine.SendAction.wait
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isAnswered = state.withLock { state in
                        action = state.machine.send(byteCount: byteCount)
                        // Looked at under the lock, so that a cancellation after it finds who waits.
                        guard action == .wait, !Task.isCancelled else { return true }
                        state.senders[number] = continuation
                        return false
                    }
                    if isAnswered { continuation.resume() }
                }
            } onCancel: {
                state.withLock { $0.senders.removeValue(forKey: number) }?.resume()
            }
            if action != .wait { return action }
        }
        return .wait
    }
}
