import Synchronization

/// The numbers of the threads that were deleted, as far as their records may still be met: in blocks, or by a reader who has
/// read them before they were erased.
///
/// It has those that were unfinished when the log was opened, and those deleted since; some bytes for each.
final class DeletedThreads: Sendable {
    private let numbers: Mutex<Set<UInt64>>
    private let flag: Atomic<Bool>

    init(_ numbers: Set<UInt64> = [], hasAny: Bool = false) {
        self.numbers = Mutex(numbers)
        flag = Atomic(hasAny)
    }

    /// Whether a thread was ever deleted from the log, or is about to be.
    var hasAny: Bool { flag.load(ordering: .acquiring) }

    /// From now on readers look whether what they miss was deleted. Before the deletion is in the index.
    func willDelete() { flag.store(true, ordering: .releasing) }

    func insert(_ deleted: Set<UInt64>) { numbers.withLock { $0.formUnion(deleted) } }

    func contains(_ number: UInt64) -> Bool { hasAny && numbers.withLock { $0.contains(number) } }
}
