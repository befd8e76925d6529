import AgentEvents
import AgentEventsClient
import Synchronization

/// The part of an application that follows the list of threads with the Swift client, and compares it with the log.
final class ProgramOfList: Sendable {
    private struct State {
        var random: SimulationRandom
        /// As it was told last.
        var list: ThreadList?
    }

    private let user: UserID
    private let limit: Int
    private let client: StreamClient
    private let record: ApplicationRecord
    private let state: Mutex<State>

    /// - Parameter limit: the most threads in it.
    init(of user: UserID, limit: Int, _ client: StreamClient, _ record: ApplicationRecord, seed: UInt64) {
        self.user = user
        self.limit = limit
        self.client = client
        self.record = record
        state = Mutex(State(random: SimulationRandom(seed: seed)))
    }

    private var leaves: Bool { !record.isSettling && state.withLock { $0.random.once(in: 40) } }

    func run(_ life: ApplicationLife) async {
        while await life.pauses.pause() {
            do {
                try await client.followThreads(ThreadQuery(maximumCount: limit)) { list in
                    guard life.isCurrent else { throw CancellationError() }
                    self.take(list)
                    guard await life.pauses.pause() else { throw CancellationError() }
                    if self.leaves { throw ApplicationLeft() }
                }
            } catch is ApplicationLeft {
                continue
            } catch {
                record.didEnd(with: error, life)
            }
        }
    }

    private func take(_ list: ThreadList) {
        record.witness.count(.listFollowed)
        if list.threads.count > limit { record.fail(.listed, "a list of at most \(limit) has \(list.threads.count)") }
        for thread in list.threads {
            guard let number = record.witness.number(of: thread.thread) else {
                return record.fail(.listed, "there is no \(thread.thread)")
            }
            let known = record.witness.thread(number)
            guard known.owner.user == user else { return record.fail(.isolation, "\(thread.thread) is listed") }
            if !known.lost.contains(thread.head), known.event(thread.head.sequence)?.id != thread.head {
                record.fail(.listed, "\(thread.head) of \(thread.thread) is listed as its head, and is not in the log")
            }
        }
        for (one, next) in zip(list.threads, list.threads.dropFirst()) where one.updatedAt < next.updatedAt {
            record.fail(.listed, "\(next.thread) comes after \(one.thread), and has changed later")
        }
        state.withLock { $0.list = list }
    }

    /// At rest the list is that of the log.
    var missing: InvariantViolation? {
        guard let list = state.withLock({ $0.list }) else {
            return InvariantViolation(.liveness, "there is no list")
        }
        var due: [(place: CardPlace, head: UInt64)] = []
        for thread in record.witness.threads where thread.owner.user == user {
            if let place = thread.listedPlace { due.append((place, thread.head)) }
        }
        due = Array(due.sorted { $0.place > $1.place }.prefix(limit))
        guard list.threads.map(\.thread) == due.map(\.place.thread) else {
            return InvariantViolation(
                .listed, "the list is \(list.threads.map(\.thread)), not \(due.map(\.place.thread))")
        }
        return nil
    }
}
