import AgentEventsClient
import Synchronization

/// One life of an application: from its start until it is told to end, and has ended.
final class ApplicationLife: Sendable {
    private struct State {
        var hasEnded = false
        var stream: EventStream?
        var task: Task<Void, Never>?
    }

    let pauses = Pauses()
    private let state = Mutex(State())

    /// Whether it was not told to end.
    var isCurrent: Bool { !pauses.isStopped }
    var hasEnded: Bool { state.withLock { $0.hasEnded } }

    func start(on executor: SimulatedExecutor, _ body: @escaping @Sendable () async -> Void) {
        let task = Task(executorPreference: executor) {
            await body()
            self.state.withLock { $0.hasEnded = true }
        }
        state.withLock { $0.task = task }
    }

    /// Tells it to end.
    func end() {
        pauses.stop()
        state.withLock { $0.task }?.cancel()
    }

    // MARK: The stream

    func follows(_ stream: EventStream?) { state.withLock { $0.stream = stream } }

    func count(_ state: ClientState, _ witness: LogWitness) {
        if case .live = state { witness.count(.streamLive) }
    }

    /// Whether the stream is live.
    var isAtEase: Bool {
        guard case .live? = state.withLock({ $0.stream })?.state else { return false }
        return true
    }

    var words: String { state.withLock { $0.stream }.map { "\($0.state)" } ?? "no stream" }
}
