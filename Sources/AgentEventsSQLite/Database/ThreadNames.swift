import AgentEvents
import GRDB
import Synchronization

/// Finds the ids of threads by their numbers, for one page.
struct ThreadNames {
    let connection: LogConnection
    private var known: [UInt64: ThreadID] = [:]

    init(connection: LogConnection) {
        self.connection = connection
    }

    mutating func thread(number: UInt64, in database: Database) throws -> ThreadID {
        if let thread = known[number] { return thread }
        let thread: ThreadID
        if let inMemory = connection.tail.withLock({ $0.thread(number: number) }) {
            thread = inMemory
        } else {
            guard let stored = try LogDatabase.thread(number: number, in: database) else {
                throw LogConnection.corrupt("there is no thread number \(number)")
            }
            thread = stored.owner.thread
        }
        known[number] = thread
        return thread
    }
}
