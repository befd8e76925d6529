import AgentEvents
import Synchronization

/// An open log: its blocks, the index of them in memory and in a file, and the lock.
final class LogConnection: Sendable {
    let path: String
    let blocks: SegmentStore
    let index: IndexStore
    let tail: Mutex<TailStateMachine>
    /// The blocks that are gone.
    let removed: Mutex<[RemovedBlocks]>
    /// The threads that were deleted.
    let deleted: DeletedThreads
    /// The turn of what removes or replaces files of blocks, and of what needs them all to stay.
    let fileTurn = Mutex(())
    private let names: Mutex<ThreadNames>
    private let lock: FileLock

    init(
        path: String,
        blocks: SegmentStore,
        index: IndexStore,
        tail: TailStateMachine,
        removed: [RemovedBlocks],
        deleted: DeletedThreads = DeletedThreads(),
        lock: FileLock
    ) {
        self.path = path
        self.blocks = blocks
        self.index = index
        self.tail = Mutex(tail)
        self.removed = Mutex(removed)
        self.deleted = deleted
        names = Mutex(ThreadNames(limit: 65_536))
        self.lock = lock
    }

    /// The thread that has a number.
    func thread(number: UInt64) throws(EventLogError) -> ThreadID {
        if let known = names.withLock({ $0[number] }) { return known }
        // The memory first, the file second: what leaves the one is in the other before.
        let inMemory = tail.withLock { $0.thread(number: number) }
        let thread: ThreadID
        if let inMemory {
            thread = inMemory
        } else {
            thread = try index.read { try LogDatabase.threadID(number: number, in: $0) }
        }
        names.withLock { $0.remember(thread, number: number) }
        return thread
    }

    /// Forgets the ids of threads that were deleted.
    func forget(_ numbers: Set<UInt64>) { names.withLock { $0.forget(numbers) } }

    /// Waits for the reads under way, and gives the file free.
    func close() throws(EventLogError) {
        defer { lock.release() }
        try index.close()
    }

    /// An error about what is stored.
    static func corrupt(_ what: String) -> EventLogError {
        EventLogError(.corrupt, "the log is damaged: \(what); restore it from a copy")
    }
}
