package import AgentEventsFiles
import GRDB

/// Where the index of a log is.
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
    private let faults: (any IndexFaults)?

    package init(faults: (any IndexFaults)? = nil) throws {
        database = try DatabaseQueue(configuration: IndexStore.configuration(readerCount: 1))
        self.faults = faults
    }

    func willCommit() throws(FileError) { try faults?.willCommit() }

    func didCommit() throws(FileError) { try faults?.didCommit() }
}

/// What goes wrong with transactions of a ``MemoryIndex``.
package protocol IndexFaults: Sendable {
    /// - Throws: when the transaction fails, and nothing of it is kept.
    func willCommit() throws(FileError)

    /// - Throws: when the transaction is kept, and nobody is told.
    func didCommit() throws(FileError)
}
