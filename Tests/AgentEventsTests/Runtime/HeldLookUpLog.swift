import AgentEvents
import AgentEventsTestSupport
import Synchronization

/// A log in memory whose look-ups have their answers, and give them when the test lets them go.
final class HeldLookUpLog: ForwardingLog {
    private struct State {
        var heldKeys = 0
        var heldRuns = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
        var keyLookUps = 0
        var runLookUps = 0
    }

    let log = InMemoryEventLog()
    private let state = Mutex(State())

    /// How many look-ups of keys, and of runs, have begun.
    var keyLookUpCount: Int { state.withLock { $0.keyLookUps } }
    var runLookUpCount: Int { state.withLock { $0.runLookUps } }
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// The next look-ups of keys wait.
    func holdKeys(_ count: Int) { state.withLock { $0.heldKeys = count } }
    /// The next look-ups of runs wait.
    func holdRuns(_ count: Int) { state.withLock { $0.heldRuns = count } }

    func release() {
        let waiting = state.withLock { state in
            state.heldKeys = 0
            state.heldRuns = 0
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func pass(_ held: WritableKeyPath<State, Int>, _ count: WritableKeyPath<State, Int>) async {
        await withCheckedContinuation { continuation in
            let waits = state.withLock { state in
                state[keyPath: count] += 1
                guard state[keyPath: held] > 0 else { return false }
                state[keyPath: held] -= 1
                state.waiting.append(continuation)
                return true
            }
            if !waits { continuation.resume() }
        }
    }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        let started = try await log.startedRuns(among: runs, in: thread)
        await pass(\.heldRuns, \.runLookUps)
        return started
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        let known = try await log.recall(key, in: thread)
        await pass(\.heldKeys, \.keyLookUps)
        return known
    }

    func close() { log.close() }
}
