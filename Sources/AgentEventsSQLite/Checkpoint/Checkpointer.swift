import Dispatch
import GRDB
import Synchronization

/// Copies the write-ahead log into the file on a thread of its own, so that the writer seldom waits for it.
final class Checkpointer: Sendable {
    private let database: DatabaseQueue
    private let queue = DispatchQueue(label: "agent-events.sqlite.checkpoint")
    private let machine: Mutex<CheckpointStateMachine>

    /// - Parameter threshold: the pages in the write-ahead log after which it is copied.
    init(path: String, threshold: Int) throws {
        var configuration = GRDB.Configuration()
        configuration.busyMode = .timeout(1)
        configuration.label = "agent-events.checkpoint"
        database = try DatabaseQueue(path: path, configuration: configuration)
        machine = Mutex(CheckpointStateMachine(threshold: threshold))
    }

    /// To be called by the writer after each commit, with its connection.
    func committed(pageCount: Int, connection: LogConnection) {
        switch machine.withLock({ $0.committed(pageCount: pageCount) }) {
        case .nothing: break
        case .copy: copy()
        case .finish: finish(connection, kind: .passive)
        case .finishAlone: finish(connection, kind: .restart)
        }
    }

    private func copy() {
        queue.async { [self] in
            // A failure leaves the pages where they are; the next copy has them too.
            _ = try? database.writeWithoutTransaction { try $0.checkpoint(.passive) }
            machine.withLock { $0.copied() }
        }
    }

    private func finish(_ connection: LogConnection, kind: Database.CheckpointMode) {
        let result = try? connection.pool.writeWithoutTransaction { try $0.checkpoint(kind) }
        machine.withLock { machine in
            machine.finished(pages: result?.walFrameCount ?? 1, copied: result?.checkpointedFrameCount ?? 0)
        }
    }

    /// Waits for what is under way, and closes.
    func close() throws {
        queue.sync {}
        try database.close()
    }
}
