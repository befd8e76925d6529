internal import AgentEvents
internal import AgentEventsProtocol
internal import Synchronization

/// The state that the tasks of a feed share: ``EmitStateMachine`` under a lock, and the signals for the tasks that
/// wait.
final class EmitCore: Sendable {
    private let machine: Mutex<EmitStateMachine>
    private let random: @Sendable () -> Double
    private let monotonicNow: @Sendable () -> Duration
    /// Something was put in, or the feed is over: for the task that has the connection, or opens one.
    let changes = WakeSignal()
    /// There may be room: for the task that takes the input.
    private let room = WakeSignal()

    init(_ configuration: EmitConfiguration, client: ClientConfiguration) {
        machine = Mutex(EmitStateMachine(configuration))
        random = client.random
        monotonicNow = client.environment.monotonicNow
    }

    /// - Parameter wakes: whether the task that waits for ``changes`` is concerned; not by what it asks itself.
    private func input<Result: Sendable>(wakes: Bool = true, _ input: (inout EmitStateMachine) -> Result) -> Result {
        let (result, takesInput) = machine.withLock { machine in
            let result = input(&machine)
            return (result, machine.phase == .over || !machine.isFull)
        }
        if takesInput { room.signal() }
        if wakes { changes.signal() }
        return result
    }

    var isOver: Bool { machine.withLock { $0.phase == .over } }
    var failure: EmitFailure? { machine.withLock { $0.failure } }
    var isInterrupted: Bool { machine.withLock { $0.isInterrupted } }
    var progress: EmitProgress { machine.withLock { $0.progress } }

    /// Waits for room, and puts an event in.
    ///
    /// - Throws: `CancellationError` when the feed is over, or the task is cancelled.
    func offer(_ item: EmitItem) async throws(CancellationError) {
        while true {
            let (isTaken, isOver) = machine.withLock { machine in
                if machine.phase == .over { return (false, true) }
                if machine.isFull { return (false, false) }
                machine.offer(item, now: monotonicNow())
                return (true, false)
            }
            if isOver { throw CancellationError() }
            if isTaken { return changes.signal() }
            guard await room.wait() else { throw CancellationError() }
        }
    }

    func endInput() { input { $0.endInput() } }
    func interrupt() { input { [now = monotonicNow()] in $0.interrupt(now: now) } }

    func next() -> EmitStateMachine.NextAction { input(wakes: false) { [now = monotonicNow()] in $0.next(now: now) } }

    func takeRequest() -> [UInt8]? { input(wakes: false) { $0.takeRequest() } }

    func disconnected(_ error: AgentEventsClientError) -> EmitStateMachine.DisconnectAction {
        let number = random()
        return input(wakes: false) { [now = monotonicNow()] in $0.disconnected(error, now: now, random: number) }
    }

    func welcome(_ limits: EmitLimits) { input { $0.welcome(limits) } }
    func drain(for time: Duration) { input { $0.drain(for: time) } }

    func emitted(_ tag: RequestTag?, _ cursors: [Cursor]) -> EmitStateMachine.ReceiveAction {
        input { $0.emitted(tag, cursors) }
    }

    func reported() { input { $0.reported() } }

    func refused(_ refusal: ProtocolError) -> EmitStateMachine.ReceiveAction {
        input { $0.refused(refusal) }
    }
}
