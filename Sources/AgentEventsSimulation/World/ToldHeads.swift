import AgentEvents
import Synchronization

/// The last event of each thread that a process has been told of: what it lists is not older.
final class ToldHeads: CommitObserver {
    private let heads = Mutex<[ThreadID: UInt64]>([:])

    /// The number of the last event of a thread; 0 before any.
    subscript(thread: ThreadID) -> UInt64 { heads.withLock { $0[thread] ?? 0 } }

    /// The log is open: everything that it has was committed before.
    func didOpen(_ witness: LogWitness) {
        let threads = witness.threads
        heads.withLock { heads in
            heads = [:]
            for thread in threads { heads[thread.owner.thread] = thread.head }
        }
    }

    func didCommit(_ commit: LogCommit, upTo position: UInt64) {
        heads.withLock { heads in
            for entry in commit.entries { heads[entry.owner.thread] = entry.id.sequence }
        }
    }

    func didAdvance(_ threads: [AdvancedThread]) {}
}
