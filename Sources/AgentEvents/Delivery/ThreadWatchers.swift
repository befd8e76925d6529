import Synchronization

/// Wakes those in the process who follow single threads.
///
/// Watchers are held weakly and swept now and then, so nobody has to unregister.
final class ThreadWatchers: CommitObserver {
    private struct Watcher {
        weak var signal: WakeSignal?
    }

    private struct State {
        var watchers: [ThreadID: [Watcher]] = [:]
        var count = 0
        var sweepAt = 64
        var isFinished = false

        /// Amortized: as many registrations pass between two sweeps as a sweep looks at.
        mutating func sweepIfDue() {
            guard count >= sweepAt else { return }
            watchers = watchers.compactMapValues { watchers in
                let live = watchers.filter { $0.signal != nil }
                return live.isEmpty ? nil : live
            }
            count = watchers.values.reduce(0) { $0 + $1.count }
            sweepAt = max(64, 2 * count)
        }
    }

    private let state = Mutex(State())

    /// From the next commit on, the signal is given for each commit with events of the thread, as long as it lives.
    func add(_ signal: WakeSignal, for thread: ThreadID) {
        let isFinished = state.withLock { state in
            if !state.isFinished {
                state.sweepIfDue()
                state.watchers[thread, default: []].append(Watcher(signal: signal))
                state.count += 1
            }
            return state.isFinished
        }
        if isFinished { signal.finish() }
    }

    func didCommit(_ commit: LogCommit, upTo position: UInt64) { signal(commit.entries.lazy.map(\.owner.thread)) }

    func didAdvance(_ threads: [AdvancedThread]) { signal(threads.lazy.map(\.thread)) }

    private func signal(_ threads: some Sequence<ThreadID>) {
        let signals: [WakeSignal] = state.withLock { state in
            guard !state.watchers.isEmpty else { return [] }
            var found: [WakeSignal] = []
            for thread in threads {
                guard let watching = state.watchers[thread] else { continue }
                found += watching.compactMap(\.signal)
            }
            return found
        }
        for signal in signals { signal.signal() }
    }

    /// The runtime stops: everyone who follows a thread comes to the end of the sequence.
    func finish() {
        let signals = state.withLock { state in
            state.isFinished = true
            defer { state.watchers = [:] }
            return state.watchers.sorted { $0.key.rawValue < $1.key.rawValue }.flatMap(\.value).compactMap(\.signal)
        }
        for signal in signals { signal.finish() }
    }
}
