internal import AgentEvents
internal import AgentEventsProtocol
internal import Synchronization

/// The state that the tasks of a stream share: ``StreamStateMachine`` under a lock, and the signals that carry its
/// decisions to the tasks that wait for them.
final class StreamCore: Sendable {
    private struct Shared: Sendable {
        var machine: StreamStateMachine
        var readers: [Int: WakeSignal] = [:]
        /// The state that ``StreamCore/states`` was set to last.
        var lastState = ClientState.connecting
    }

    private let shared: Mutex<Shared>
    private let random: @Sendable () -> Double
    /// There is something to send, or the stream is closed.
    let writer = WakeSignal()
    /// Time counts.
    let timekeeper = WakeSignal()
    /// There may be room again for what is read from the connection.
    private let room = WakeSignal()
    let states = LatestValue(ClientState.connecting)

    init(_ configuration: ClientConfiguration, hasTokenProvider: Bool) {
        random = configuration.random
        shared = Mutex(
            Shared(
                machine: StreamStateMachine(
                    backoff: configuration.backoff, limits: configuration.inbox, hasTokenProvider: hasTokenProvider)))
    }

    /// Puts an input into the machine, and wakes the tasks that it concerns.
    private func input<Result: Sendable>(
        _ input: (inout StreamStateMachine) -> (Result, StreamActions)
    ) -> (Result, StreamActions) {
        let (result, actions, signals, hasOutgoing, makesRoom, news) = shared.withLock { shared in
            let hadRoom = shared.machine.hasRoom
            let (result, actions) = input(&shared.machine)
            let signals = actions.readers.compactMap { shared.readers[$0] }
            var news: (ClientState, version: Int)?
            let state = shared.machine.state
            if !state.isLike(shared.lastState) {
                shared.lastState = state
                news = (state, shared.machine.version)
            }
            let makesRoom = !hadRoom && shared.machine.hasRoom
            return (result, actions, signals, shared.machine.hasOutgoing, makesRoom, news)
        }
        // Set first, so that the tasks that wake find the new state.
        if let news { states.set(news.0, version: news.version) }
        for signal in signals { signal.signal() }
        if hasOutgoing { writer.signal() }
        if makesRoom { room.signal() }
        if actions.needsTime { timekeeper.signal() }
        return (result, actions)
    }

    // MARK: For the pump

    func connect() -> ReconnectStateMachine.ConnectAction {
        input { machine in (machine.connect(), StreamActions()) }.0
    }

    func receive(_ message: ServerMessage) -> StreamActions {
        let number = random()
        return input { machine in ((), machine.receive(message, random: number)) }.1
    }

    /// Returns when there is room, or the task is cancelled. A signal may be left over from the last wait, so it is no
    /// proof.
    func awaitRoom() async {
        while !shared.withLock({ $0.machine.hasRoom }), await room.wait() {}
    }

    func stopAwaitingRoom() {
        _ = input { machine in (machine.stopAwaitingRoom(), StreamActions()) }
    }

    func disconnected(_ error: AgentEventsClientError) -> ReconnectStateMachine.DisconnectAction {
        let number = random()
        return input { $0.disconnected(error, random: number) }.0
    }

    /// - Returns: what to send, and whether it is the last.
    func takeOutgoing() -> (requests: [ClientMessage], isLast: Bool) {
        shared.withLock { ($0.machine.takeOutgoing(), $0.machine.isClosed) }
    }

    /// - Returns: whether time still counts.
    func advance(by time: Duration) -> Bool {
        input { machine in
            machine.advance(by: time)
            return (machine.needsTime, StreamActions())
        }.0
    }

    var needsTime: Bool { shared.withLock { $0.machine.needsTime } }

    // MARK: For the scope

    /// - Returns: whether there is a connection to say goodbye on.
    func close() -> Bool {
        let isOpen = input { machine in (machine.close(), StreamActions()) }.0
        writer.signal()
        return isOpen
    }

    /// The stream has ended.
    func finish() {
        states.finish()
        let readers = shared.withLock { $0.readers.sorted { $0.key < $1.key }.map(\.value) }
        for reader in readers { reader.finish() }
    }

    // MARK: For followers

    func follow(
        _ thread: ThreadID,
        from start: StartPosition?,
        consumer: ConsumerName?
    ) throws(AgentEventsClientError) -> (number: Int, signal: WakeSignal) {
        let signal = WakeSignal()
        let result = input { machine -> (Result<Int, AgentEventsClientError>, StreamActions) in
            do throws(AgentEventsClientError) {
                return (.success(try machine.follow(thread, from: start, consumer: consumer)), StreamActions())
            } catch {
                return (.failure(error), StreamActions())
            }
        }.0
        let number = try result.get()
        shared.withLock { $0.readers[number] = signal }
        // What arrived before the signal was there.
        signal.signal()
        return (number, signal)
    }

    func unfollow(_ thread: ThreadID, number: Int) {
        _ = input { machine in (machine.unfollow(thread, number: number), StreamActions()) }
        shared.withLock { $0.readers.removeValue(forKey: number) }?.finish()
    }

    func take(_ thread: ThreadID, number: Int) -> StreamStateMachine.TakeAction {
        input { machine in (machine.take(thread, number: number), StreamActions()) }.0
    }

    func acknowledge(_ cursor: Cursor, of thread: ThreadID, number: Int) throws(AgentEventsClientError) {
        let result = input { machine -> (Result<Void, AgentEventsClientError>, StreamActions) in
            var actions = StreamActions()
            do throws(AgentEventsClientError) {
                actions.needsTime = try machine.acknowledge(cursor, of: thread, number: number)
                return (.success(()), actions)
            } catch {
                return (.failure(error), actions)
            }
        }.0
        try result.get()
    }
}

extension ClientState {
    /// Whether it is the same state; one of another attempt is too.
    fileprivate func isLike(_ other: ClientState) -> Bool {
        switch (self, other) {
        case (.connecting, .connecting), (.catchingUp, .catchingUp), (.live, .live), (.waiting, .waiting),
            (.refused, .refused):
            true
        case (.connecting, _), (.catchingUp, _), (.live, _), (.waiting, _), (.refused, _):
            false
        }
    }
}
