import AgentEvents
import Synchronization

/// Threads that both processes open, each for some user: the one whose event is first in the log has the thread, and the
/// other one is told (I5).
final class ContestedThreads: Sendable {
    private struct Known {
        var user: UserID
        /// Each event has a value of its own.
        var values: [String] = []
    }

    private struct State {
        var threads: [ThreadID: Known] = [:]
        var number = 0
        var attemptCount = 0
    }

    /// An emission into one of them.
    struct Attempt: Sendable {
        let owner: ThreadOwner
        let draft: EventDraft
        fileprivate let value: String
        /// The user whose thread it is already.
        fileprivate let known: UserID?
    }

    enum Outcome: Sendable {
        case taken(EventID)
        case forbidden
    }

    private let state = Mutex(State())
    private let users: [UserID] = ["u_0", "u_1"]

    /// The next one, in one of the latest threads. Some fail, and leave nothing but that the thread was looked at for a user.
    func begin(_ random: inout SimulationRandom) -> Attempt {
        let user = users[random.below(users.count)]
        let isNext = random.once(in: 4)
        let isRefused = random.once(in: 3)
        return state.withLock { state in
            if isNext { state.number += 1 }
            state.attemptCount += 1
            let thread = ThreadID(text: IdentifierText(unchecked: "x\(state.number)"))
            let value = "attempt \(state.attemptCount)"
            return Attempt(
                owner: ThreadOwner(thread: thread, user: user),
                draft: isRefused
                    ? EventDraft(runID: "r_none", .agentProgress(AgentProgress()))
                    : EventDraft(.custom(CustomEvent(name: "contested", value: .string(value)))), value: value,
                known: state.threads[thread]?.user)
        }
    }

    /// - Returns: what is wrong with an event of one of the threads.
    func didCommit(_ entry: LogEntry) -> InvariantViolation? {
        guard let event = try? EventDecoder.decode(entry.bytes), case .custom(let custom) = event.payload,
            let value = custom.value.stringValue
        else { return InvariantViolation(.sameBytes, "\(entry.id) of \(entry.owner.thread) is none that was emitted") }
        return state.withLock { state in
            let user = state.threads[entry.owner.thread, default: Known(user: entry.owner.user)].user
            if user != entry.owner.user {
                return InvariantViolation(
                    .isolation, "\(entry.owner.thread) of \(user) is given an event of \(entry.owner.user)")
            }
            state.threads[entry.owner.thread, default: Known(user: user)].values.append(value)
            guard let count = state.threads[entry.owner.thread]?.values.count, entry.id.sequence == UInt64(count) else {
                return InvariantViolation(.denseOrder, "\(entry.owner.thread) is given \(entry.id)")
            }
            return nil
        }
    }

    /// - Returns: what is wrong with the answer to an emission.
    func didEnd(_ attempt: Attempt, _ outcome: Outcome) -> InvariantViolation? {
        let thread = attempt.owner.thread
        let known = state.withLock { $0.threads[thread] }
        switch outcome {
        case .taken(let id):
            guard let known, known.user == attempt.owner.user, id.sequence <= known.values.count,
                known.values[Int(id.sequence) - 1] == attempt.value
            else {
                return InvariantViolation(.acknowledgedIsKept, "\(thread): \(id) is acknowledged and not in the log")
            }
        case .forbidden:
            if known?.values.contains(attempt.value) == true {
                return InvariantViolation(.acknowledgedIsKept, "\(thread): what was refused is in the log")
            }
            if attempt.known == attempt.owner.user {
                return InvariantViolation(.isolation, "\(thread): its owner \(attempt.owner.user) is refused")
            }
        }
        return nil
    }
}
