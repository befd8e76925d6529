import AgentEvents
import Synchronization

/// Threads that are to be looked at, each once.
final class ThreadSet: Sendable {
    private let users = Mutex<[ThreadID: UserID]>([:])

    func insert(_ thread: ThreadID, of user: UserID) { users.withLock { $0[thread] = user } }

    func take() -> [ThreadID: UserID] {
        users.withLock { users in
            defer { users = [:] }
            return users
        }
    }
}
