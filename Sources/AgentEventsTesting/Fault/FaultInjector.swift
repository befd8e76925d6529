import Synchronization

/// Carries a plan out, call by call.
final class FaultInjector: Sendable {
    private struct State {
        var callCount = 0
        var injected: [InjectedFault] = []
        var isReleased = false
        var hanging: [Int: CheckedContinuation<Void, any Error>] = [:]
        var cancelled: Set<Int> = []
        /// The number of later calls that have yet to return before a call does.
        var overtaking: [Int: Int] = [:]
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

    /// Makes a call: waits as long as it is to take, does what it does, and returns when it may.
    ///
    /// - Parameter body: is told of a fault that it carries out itself.
    /// - Throws: ``InjectedFault`` when the call should do nothing; `CancellationError` when the task is cancelled; and
    ///   what the body throws.
    func call<Result>(_ body: (InjectedFault?) async throws -> Result) async throws -> Result {
        let decision = state.withLock { state in
            state.callCount += 1
            let decision = plan.decision(forCall: state.callCount)
            if let fault = decision.fault { state.injected.append(InjectedFault(call: decision.call, fault: fault)) }
            if case .overtaken(by: let count) = decision.fault, count > 0 { state.overtaking[decision.call] = count }
            return decision
        }
        defer { returned(decision.call) }
        if decision.latency > .zero { try await clock.sleep(for: decision.latency) }
        guard let fault = decision.fault else { return try await body(nil) }
        let injected = InjectedFault(call: decision.call, fault: fault)
        switch fault {
        case .fail: throw injected
        case .failAfterwards, .partial: return try await body(injected)
        case .overtaken:
            let result = try await body(nil)
            try await hang(decision.call) { $0.overtaking[decision.call] != nil }
            return result
        case .delay(let duration): try await clock.sleep(for: duration)
        case .hang: try await hang(decision.call) { _ in true }
        }
        return try await body(nil)
    }

    /// The calls before this one have one call less to wait for.
    private func returned(_ call: Int) {
        let ready = state.withLock { state in
            state.overtaking[call] = nil
            var ready: [CheckedContinuation<Void, any Error>] = []
            for (earlier, count) in state.overtaking where earlier < call {
                state.overtaking[earlier] = count > 1 ? count - 1 : nil
                if count == 1, let waiter = state.hanging.removeValue(forKey: earlier) { ready.append(waiter) }
            }
            return ready
        }
        for waiter in ready { waiter.resume() }
    }

    /// Releases the calls that hang, and lets later ones pass.
    func release() {
        let hanging = state.withLock { state in
            state.isReleased = true
            defer { state.hanging = [:] }
            return state.hanging
        }
        for waiter in hanging.values { waiter.resume() }
    }

    /// - Parameter isNeeded: whether there is still something to wait for.
    private func hang(_ call: Int, isNeeded: @escaping @Sendable (State) -> Bool) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                let result: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(call) != nil { return .failure(CancellationError()) }
                    if state.isReleased || !isNeeded(state) { return .success(()) }
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
