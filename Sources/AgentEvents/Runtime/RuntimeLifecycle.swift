import Synchronization

/// Where a runtime stands between its creation and its end, and the tasks that wait for it to start.
///
/// ```
/// created ── start ──> running ── stop ──> stopped
///    └───────────────── stop ────────────────^
/// ```
final class RuntimeLifecycle: Sendable {
    private enum Phase {
        case created
        case running(RuntimeServices)
        case stopped(AgentEventsError)
    }

    private struct State {
        var phase = Phase.created
        var isClaimed = false
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let state = Mutex(State())

    /// - Returns: whether the caller is the first to run the runtime.
    func claim() -> Bool {
        state.withLock { state in
            defer { state.isClaimed = true }
            return !state.isClaimed
        }
    }

    func start(_ services: RuntimeServices) { enter(.running(services)) }

    /// The last one counts: the runtime gives this error from now on.
    func stop(_ error: AgentEventsError) { enter(.stopped(error)) }

    private func enter(_ phase: Phase) {
        let waiters = state.withLock { state in
            state.phase = phase
            defer { state.waiters = [:] }
            return state.waiters.sorted { $0.key < $1.key }.map(\.value)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// The services that the contexts share, or `nil` while the runtime has not started.
    func services() throws(AgentEventsError) -> RuntimeServices? {
        switch state.withLock({ $0.phase }) {
        case .created: nil
        case .running(let services): services
        case .stopped(let error): throw error
        }
    }

    var isRunning: Bool {
        state.withLock { state in
            guard case .running = state.phase else { return false }
            return true
        }
    }

    /// Waits for the start, for a while.
    ///
    /// - Parameter sleep: returns when a time is over.
    /// - Throws: ``AgentEventsError`` `runtime.not_running` when the time is over or the task is cancelled.
    func services(
        within timeout: Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) async throws(AgentEventsError) -> RuntimeServices {
        if let services = try services() { return services }
        await withTaskGroup { group in
            group.addTask { await self.waitForStart() }
            // A cancelled sleep is the end of the wait as well.
            group.addTask { try? await sleep(timeout) }
            await group.next()
            group.cancelAll()
        }
        if let services = try services() { return services }
        throw AgentEventsError(
            .notRunning,
            "the runtime did not start within \(timeout): call run() in a task of its own, or use withAgentRuntime"
        )
    }

    /// Waits for the start or the end, or until the task is cancelled.
    func waitForStart() async {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    guard case .created = state.phase, !Task.isCancelled else { return true }
                    state.waiters[number] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
    }
}
