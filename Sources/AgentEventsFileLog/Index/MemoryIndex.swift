import GRDB

/// The place of a log's index.
package enum IndexPlace: Sendable {
    /// In the file at the log's path.
    case file
    /// In memory, for simulations. Opening it again finds what is in it.
    case memory(MemoryIndex)
}

/// An index that is in no file, and survives the logs that use it, as a file would: after a crash it has exactly the
/// transactions that were committed. It is for one thread.
package final class MemoryIndex: Sendable {
    let database: DatabaseQueue
    private let operate: @Sendable () throws -> Void

    /// - Parameter operate: called before and after each transaction. When it throws before, nothing of the transaction
    ///   is kept; when it throws afterwards, all of it is, and the caller is not told.
    package init(_ operate: @escaping @Sendable () throws -> Void = {}) throws {
        database = try DatabaseQueue(configuration: IndexStore.configuration(readerCount: 1))
        self.operate = operate
    }

    func willCommit() throws { try operate() }

    func didCommit() throws { try operate() }
}
