import AgentEvents
import AgentEventsFiles
import Synchronization

/// Writes the index into its file, in bulk and beside the writer of the blocks.
///
/// The blocks are on the disk before the index names them, whatever the durability, so a file of the index never leads
/// to a block that the loss of power took.
final class IndexWriter: Sendable {
    /// Chunks in one transaction, about.
    private static let updateLimit = 512
    /// Chunks and keys that wait at most; then the writer of the blocks waits for the index.
    private static let backlogLimit = 16_384

    private struct State {
        var isRunning = false
        var error: EventLogError?
    }

    private let connection: LogConnection
    private let queue: any WorkQueue
    private let state = Mutex(State())

    /// - Parameter queue: where the index is written.
    init(connection: LogConnection, queue: any WorkQueue) {
        self.connection = connection
        self.queue = queue
    }

    /// - Throws: the error of an update, after which the index writes nothing more.
    func check() throws(EventLogError) {
        if let error = state.withLock({ $0.error }) { throw error }
    }

    /// Has what piled up written; returns at once, unless too much of it waits already.
    func update() {
        let begins = state.withLock { state in
            guard !state.isRunning, state.error == nil else { return false }
            state.isRunning = true
            return true
        }
        if begins { queue.start { self.run() } }
        if connection.tail.withLock({ $0.backlog }) > Self.backlogLimit { queue.wait {} }
    }

    /// Has the blocks before a position flushed to the disk, beside the writer of the blocks.
    func synchronize(upTo position: Int64) {
        queue.start { [self] in
            do throws(EventLogError) {
                try connection.blocks.synchronize(upTo: position)
            } catch {
                end(with: error)
            }
        }
    }

    private func run() {
        do throws(EventLogError) {
            try write(connection.tail.withLock { $0.takeUpdate(limit: Self.updateLimit) }, "writing the index of")
            state.withLock { $0.isRunning = false }
        } catch {
            state.withLock { state in
                state.isRunning = false
                state.error = error
            }
        }
    }

    /// Has everything in the file that leads to blocks before a position, and a row of each thread. Waits for it, so it
    /// is not for the writer of the blocks.
    ///
    /// - Returns: whether that is so; the rest leads to blocks that are written at present.
    func update(before position: Int64) throws(EventLogError) -> Bool {
        let result: Result<Bool, EventLogError> = queue.wait {
            do throws(EventLogError) {
                try check()
                while true {
                    let update = connection.tail.withLock { $0.takeUpdate(limit: Self.updateLimit, before: position) }
                    if !update.isEmpty { try write(update, "writing the index of") }
                    if update.indexedThrough >= position || update.chunks.isEmpty {
                        return .success(update.indexedThrough >= position)
                    }
                }
            } catch {
                state.withLock { $0.error = error }
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Takes threads out of the index, with what of them is in memory only. Waits for it, so it is not for the writer
    /// of the blocks.
    func delete(_ threads: [ThreadID], at time: Timestamp) throws(EventLogError) {
        let result: Result<Void, EventLogError> = queue.wait {
            do throws(EventLogError) {
                try check()
                var deleted: Set<UInt64> = []
                connection.deleted.willDelete()
                try connection.index.transaction("deleting from") { database in
                    deleted = []
                    for thread in threads {
                        let stored =
                            try connection.tail.withLock { $0.stored(thread) }
                            ?? LogDatabase.thread(thread, in: database)
                        // The rest is looked up with the first: a thread that is named twice has no row then.
                        guard let stored, stored.head != nil, deleted.insert(stored.number).inserted else { continue }
                        try DeletionDatabase.delete(stored, at: time, in: database)
                    }
                }
                // In this order: who finds it gone from memory finds that it was deleted.
                connection.deleted.insert(deleted)
                connection.tail.withLock { tail in
                    for number in deleted { tail.delete(number: number) }
                }
                connection.forget(deleted)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    private func write(_ update: IndexUpdate, _ doing: String) throws(EventLogError) {
        // The rows of an update that failed are in no other one: a later one would say that the index has them.
        try check()
        try connection.blocks.synchronize(upTo: update.end)
        try connection.index.transaction(doing) { database in
            for thread in update.threads { try LogDatabase.insert(thread, in: database) }
            for chunk in update.chunks { try LogDatabase.insert(chunk, in: database) }
            for key in update.keys { try LogDatabase.insert(key, in: database) }
            if let time = update.keys.last?.time {
                try LogDatabase.forgetKeys(before: time, limit: update.keys.count * 2 + 16, in: database)
            }
            try LogDatabase.setMeta("indexed_through", to: update.indexedThrough, in: database)
        }
        connection.tail.withLock { $0.didWrite(update) }
    }

    /// Waits for what is under way and writes the rest. Nothing is written afterwards.
    func close(writingEverything: Bool) throws(EventLogError) {
        let result: Result<Void, EventLogError> = queue.wait {
            do throws(EventLogError) {
                try check()
                // After all others: an update takes for written what the one before took out of memory.
                if writingEverything { try write(connection.tail.withLock { $0.takeEverything() }, "closing") }
            } catch {
                end(with: error)
                return .failure(error)
            }
            end(with: EventLogError(.closed, "the log \(connection.path) was closed"))
            return .success(())
        }
        try result.get()
    }

    private func end(with error: EventLogError) {
        state.withLock { state in
            if state.error == nil { state.error = error }
        }
    }
}
