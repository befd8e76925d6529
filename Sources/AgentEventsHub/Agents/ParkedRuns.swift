import AgentEvents
import Synchronization

/// The runs that stayed open when an earlier process was lost, as long as nobody works for them.
///
/// ```
/// found open ──> parked ── looked at: gone ──> (not here)
///                 ^  │ └── looked at: taken up ──> (not here)
///                 │  v
///                 └── looked at: not yet        looked at again when an answer, a resumption or an end of the thread is
///                                               committed, and when a time has come
/// ```
final class ParkedRuns: Sendable {
    enum Look: Sendable {
        /// It is taken up, or has ended.
        case over
        /// Something has to happen first.
        case wait
        case notBefore(Timestamp)
        /// Somebody has it who has removed it, and may add it again.
        case handedOver
    }

    private struct State {
        var parked: [RunQueueStateMachine.Place: ParkedRun] = [:]
        /// Those to look at.
        var due: Set<RunQueueStateMachine.Place> = []
        var times: [RunQueueStateMachine.Place: Timestamp] = [:]

        /// Those to look at now, and the time at which others are.
        mutating func take(at now: Timestamp) -> (due: [ParkedRun], next: Timestamp?) {
            for (place, time) in times where time <= now {
                times[place] = nil
                due.insert(place)
            }
            defer { due = [] }
            let taken = due.compactMap { parked[$0] }
            return (
                taken.sorted {
                    ($0.owner.thread.rawValue, $0.run.rawValue) < ($1.owner.thread.rawValue, $1.run.rawValue)
                }, times.values.min()
            )
        }
    }

    private let state = Mutex(State())
    private let isConcerned = Atomic<Bool>(false)
    private let changes = WakeSignal()

    /// - Parameter time: they are not looked at before; `nil` for now.
    func add(_ runs: [ParkedRun], notBefore time: Timestamp? = nil) {
        guard !runs.isEmpty else { return }
        isConcerned.store(true, ordering: .sequentiallyConsistent)
        state.withLock { state in
            for run in runs {
                let place = RunQueueStateMachine.Place(thread: run.owner.thread, run: run.run)
                state.parked[place] = run
                if let time { state.times[place] = time } else { state.due.insert(place) }
            }
        }
        changes.signal()
    }

    func remove(_ place: RunQueueStateMachine.Place) {
        state.withLock { state in
            state.parked[place] = nil
            state.times[place] = nil
        }
    }

    /// The number of runs for which nobody works.
    var count: Int { state.withLock { $0.parked.count } }

    /// Something of a thread is committed.
    func didCommit(_ commit: LogCommit) {
        guard isConcerned.load(ordering: .sequentiallyConsistent) else { return }
        let threads = Set(
            commit.entries.filter { $0.type == .approvalResolved || $0.type == .agentResumed || $0.type.endsRun }.map {
                $0.owner.thread
            })
        guard !threads.isEmpty else { return }
        let isDue = state.withLock { state in
            let places = state.parked.keys.filter { threads.contains($0.thread) }
            state.due.formUnion(places)
            return !places.isEmpty
        }
        if isDue { changes.signal() }
    }

    /// Has the runs looked at when something may have changed, until the task is cancelled.
    func watch(_ environment: Environment, _ look: (ParkedRun) async -> Look) async {
        while !Task.isCancelled {
            let (due, next) = state.withLock { $0.take(at: environment.wallClock.now()) }
            for run in due { note(await look(run), of: run) }
            guard due.isEmpty else { continue }
            guard let next else {
                _ = await changes.wait()
                continue
            }
            let pause = max(1, min(60_000, next.milliseconds(since: environment.wallClock.now())))
            await withTaskGroup { group in
                group.addTask { _ = await self.changes.wait() }
                // A cancelled sleep is the end of the pause as well.
                group.addTask { try? await environment.sleep(.milliseconds(pause)) }
                await group.next()
                group.cancelAll()
            }
        }
    }

    private func note(_ look: Look, of run: ParkedRun) {
        let place = RunQueueStateMachine.Place(thread: run.owner.thread, run: run.run)
        state.withLock { state in
            switch look {
            case .over:
                state.parked[place] = nil
                state.times[place] = nil
                isConcerned.store(!state.parked.isEmpty, ordering: .sequentiallyConsistent)
            case .wait, .handedOver: break
            case .notBefore(let time): state.times[place] = time
            }
        }
    }
}
