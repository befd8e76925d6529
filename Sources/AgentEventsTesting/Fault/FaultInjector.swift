import Synchronization

/// Carries a plan out, call by call.
final class FaultInjector: Sendable {
    private struct State {
        var callCount = 0
        var injected: [InjectedFault] = []
        var isReleased = false
        var hanging: [Int: CheckedContinuation<Void, any Error>] = [:]
        var cancelled: Set<Int> = []
    }

    let plan: FaultPlan
    private let clock: any Clock<Duration>
    private let state = Mutex(State())

    init(_ plan: FaultPlan, clock: any Clock<Duration>) {
        self.plan = plan
        self.clock = clock
    }

    var callCount: Int { state.withLock { $0.callCount } }
    var injected: [InjectedFault] { state.withLock { $0.injected } }
    var hangingCount: Int { state.withLock { $0.hanging.count } }

    /// Begins a call: waits as long as it is to take.
    ///
    /// - Returns: what else is to go wrong.
    /// - Throws: ``InjectedFault`` when nothing is to be done; `CancellationError` when the task is cancelled.
    func begin() async throws -> InjectedFault? {
        let decision = state.withLock { state in
            state.callCount += 1
            let decision = plan.decision(forCall: state.callCount)
            if let fault = decision.fault { state.injected.append(InjectedFault(call: decision.call, fault: fault)) }
            return decision
        }
        if decision.latency > .zero { try await clock.sleep(for: decision.latency) }
        guard let fault = decision.fault else { return nil }
        let injected = InjectedFault(call: decision.call, fault: fault)
        switch fault {
        case .fail: throw injected
        case .failAfterwards, .partial: return injected
        case .delay(let duration):
            try await clock.sleep(for: duration)
            return nil
        case .hang:
            try await hang(decision.call)
            return nil
        }
    }

    /// Lets the calls go on that hang, and those to come.
    func release() {
        let hanging = state.withLock { state in
            state.isReleased = true
            defer { state.hanging = [:] }
            return state.hanging
        }
        for waiter in hanging.values { waiter.resume() }
    }

    private func hang(_ call: Int) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                let result: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(call) != nil { return .failure(CancellationError()) }
                    if state.isReleased { return .success(()) }
                    state.hanging[call] = waiter
                    return nil
                }
                if let result { waiter.resume(with: result) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                let waiter = state.hanging.removeValue(forKey: call)
                if waiter == nil { state.cancelled.insert(call) }
                return waiter
            }
            waiter?.resume(throwing: CancellationError())
        }
    }
}
