import AgentEvents
import Synchronization

/// A sink that outlives the processes: it gets each event of a thread after the one before, some of them again, and refuses
/// now and then.
final class WatchingSink: EventSink {
    private struct State {
        /// The last event of each thread.
        var last: [ThreadID: EventID] = [:]
        var random: SimulationRandom
        var isSettling = false
    }

    private struct Refused: Error {}

    let name = "watching"
    private let witness: LogWitness
    private let state: Mutex<State>

    init(witness: LogWitness, seed: UInt64) {
        self.witness = witness
        state = Mutex(State(random: SimulationRandom(seed: seed)))
    }

    /// Nothing is refused any longer.
    func settle() { state.withLock { $0.isSettling = true } }

    func receive(_ batch: SinkBatch) async throws {
        if state.withLock({ !$0.isSettling && $0.random.once(in: 8) }) { throw Refused() }
        for event in batch.events {
            guard let number = witness.number(of: event.thread) else { continue }
            let thread = witness.thread(number)
            let last = state.withLock { state in
                let last = state.last[event.thread]
                state.last[event.thread] = event.id
                return last
            }
            if let stored = thread.event(event.id.sequence), stored.id == event.id {
                if stored.bytes != event.bytes {
                    witness.fail(InvariantViolation(.sameBytes, "the sink was given \(event.id) in other bytes"))
                }
            } else if !thread.lost.contains(event.id) {
                witness.fail(InvariantViolation(.committedBeforeVisible, "the sink was given \(event.id)"))
            }
            let next = (last?.sequence ?? 0) + 1
            // What was trimmed is not given, and after a loss the numbers are used again.
            if event.id.sequence > max(next, thread.firstKept), last.map({ !thread.lost.contains($0) }) ?? true {
                witness.fail(
                    InvariantViolation(
                        .denseOrder, "\(event.thread): the sink was given \(event.id) where \(next) was due"))
            }
        }
    }

    /// The last event that was taken of a thread.
    func last(of thread: ThreadID) -> EventID? { state.withLock { $0.last[thread] } }
}
