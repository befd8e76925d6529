import Synchronization

/// A proxy for TCP on the loopback interface that harms connections as planned: between a client and a service, both of
/// them real.
///
/// ```swift
/// let plan = SocketFaultPlan(seed: 7).rate(0.5, .cut(.reset, after: 0...5000, .toClient))
/// try await withFaultProxy(to: service.port, plan: plan) { proxy in
///     let client = MyClient(port: proxy.port)
///     …
/// }
/// ```
///
/// It knows nothing of what passes through it. It holds at most 64 KiB of each direction, and one thread of its own
/// serves all connections.
public final class FaultProxy: Sendable {
    struct Commands {
        var isReleased = false
        var isEnding = false
        var disconnect: SocketCut?
    }

    /// A condition to wait for: a number of faults, or of bytes that all connections have passed on.
    private enum Condition {
        case faults(Int)
        case passed(Int, SocketDirection)
    }

    private struct State {
        var commands = Commands()
        var connectionCount = 0
        var injected: [InjectedSocketFault] = []
        var passedToClient = 0
        var passedToService = 0
        var watchers: [UInt64: (condition: Condition, waiter: CheckedContinuation<Void, any Error>)] = [:]
        var cancelled: Set<UInt64> = []
        var lastWatcher: UInt64 = 0

        func meets(_ condition: Condition) -> Bool {
            switch condition {
            case .faults(let count): injected.count >= count
            case .passed(let count, .toClient): passedToClient >= count
            case .passed(let count, .toService): passedToService >= count
            }
        }

        /// Takes those who need not wait any longer.
        mutating func takeReady() -> [CheckedContinuation<Void, any Error>] {
            let ready = watchers.filter { meets($0.value.condition) }
            for number in ready.keys { watchers[number] = nil }
            return ready.values.map(\.waiter)
        }
    }

    /// The port that clients connect to, on 127.0.0.1.
    public let port: Int
    /// The plan of the faults. Print it when a test fails.
    public let plan: SocketFaultPlan
    private let wakeUp: WakeUp
    private let state = Mutex(State())

    init(port: Int, plan: SocketFaultPlan, wakeUp: WakeUp) {
        self.port = port
        self.plan = plan
        self.wakeUp = wakeUp
    }

    /// The number of connections so far.
    public var connectionCount: Int { state.withLock { $0.connectionCount } }

    /// The faults so far, in order.
    public var injected: [InjectedSocketFault] { state.withLock { $0.injected } }

    /// The number of bytes that all connections have passed on in a direction.
    public func passedByteCount(_ direction: SocketDirection) -> Int {
        state.withLock { direction == .toClient ? $0.passedToClient : $0.passedToService }
    }

    /// Releases the connections that hang or are not read, and lets later ones pass.
    public func release() { command { $0.isReleased = true } }

    /// Ends the connections that there are now.
    public func disconnect(_ how: SocketCut = .reset) { command { $0.disconnect = how } }

    /// Returns when this many faults have happened since the proxy was started.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    public func waitForFaults(_ count: Int = 1) async throws { try await wait(for: .faults(count)) }

    /// Returns when this many bytes of all connections were passed on in a direction.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    public func waitForPassed(_ byteCount: Int, _ direction: SocketDirection) async throws {
        try await wait(for: .passed(byteCount, direction))
    }

    private func wait(for condition: Condition) async throws {
        let number = state.withLock { state in
            state.lastWatcher += 1
            return state.lastWatcher
        }
        defer { state.withLock { _ = $0.cancelled.remove(number) } }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                let result: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.contains(number) { return .failure(CancellationError()) }
                    if state.meets(condition) { return .success(()) }
                    state.watchers[number] = (condition, waiter)
                    return nil
                }
                if let result { waiter.resume(with: result) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.cancelled.insert(number)
                return state.watchers.removeValue(forKey: number)?.waiter
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    func end() { command { $0.isEnding = true } }

    private func command(_ change: (inout Commands) -> Void) {
        state.withLock { change(&$0.commands) }
        wakeUp.signal()
    }

    // MARK: The thread's side

    /// Takes the commands of the test; a disconnection is told once.
    func takeCommands() -> Commands {
        state.withLock { state in
            defer { state.commands.disconnect = nil }
            return state.commands
        }
    }

    /// - Returns: the number of the connection.
    func connected() -> Int {
        state.withLock { state in
            state.connectionCount += 1
            return state.connectionCount
        }
    }

    func passed(toClient: Int, toService: Int) {
        guard toClient + toService > 0 else { return }
        let ready = state.withLock { state in
            state.passedToClient += toClient
            state.passedToService += toService
            return state.takeReady()
        }
        for waiter in ready { waiter.resume() }
    }

    func happened(_ faults: [SocketFault], to connection: Int) {
        guard !faults.isEmpty else { return }
        let ready = state.withLock { state in
            state.injected += faults.map { InjectedSocketFault(connection: connection, fault: $0) }
            return state.takeReady()
        }
        for waiter in ready { waiter.resume() }
    }
}
