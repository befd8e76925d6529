package import AgentEvents
package import AgentEventsFiles

extension FileEventLog {
    /// The failures that a commit survives once it is acknowledged.
    @nonexhaustive
    public enum Durability: String, CaseIterable, Sendable {
        /// The end of the process, `kill -9` included.
        case process
        /// The loss of power: each commit is flushed to the disk.
        case disk
    }

    /// The settings of a log in files.
    public struct Configuration: Sendable {
        /// The failures that a commit survives once it is acknowledged. Default: ``Durability/process``.
        public var durability: Durability = .process

        /// The number of unlisted blocks of a thread at which they are listed in an index row.
        package var chunkReferenceCount = 128
        /// … or the number of events logged after the first of them. The next opening reads about this number.
        package var tailEventCount = 1_000_000
        /// … or once more threads than this are held in memory.
        package var threadsInMemory = 65_536
        /// So many full rows and keys are written together.
        package var indexUpdateCount = 64
        /// The number of bytes at which a file of blocks gets no further commit.
        package var segmentByteCount: Int64 = 64 << 20
        /// With ``Durability/disk``: by how many bytes a file grows at a time.
        package var allocationByteCount = 4 << 20
        /// Reads that leave the caller's thread, at a time.
        package var readerCount = 4
        /// The largest page, in events, that is read on the caller's thread.
        package var inlineReadCount = 16
        /// The file system of the blocks and the lock.
        package var files: any FileSystem = RealFileSystem()
        /// The place of the index.
        package var index = IndexPlace.file
        /// The threads on which the log's work runs.
        package var workers = Workers.threads
        /// The source of the generation of each opening.
        package var generations = GenerationSource.system
        /// The time since an arbitrary moment.
        package var monotonicNow = Environment.system.monotonicNow
        /// The wall clock.
        package var now: @Sendable () -> Timestamp = Environment.system.wallClock.now

        /// - Parameter durability: what a commit survives once it is acknowledged.
        public init(durability: Durability = .process) {
            self.durability = durability
        }

        /// A configuration with the clocks and the random numbers of an environment.
        package init(durability: Durability = .process, environment: Environment) {
            self.durability = durability
            generations = GenerationSource(in: environment)
            monotonicNow = environment.monotonicNow
            now = environment.wallClock.now
        }
    }
}

/// The threads on which a log's work runs.
package enum Workers: Sendable {
    /// On threads of the log's own.
    case threads
    /// On the caller's thread, with the work beside it on a queue: for simulations.
    case caller(background: any WorkQueue)

    /// The queue on which the index is written.
    func makeIndexQueue() -> any WorkQueue {
        switch self {
        case .threads: BlockingExecutor(label: "agent-events.log.index")
        case .caller(let background): background
        }
    }

    /// Threads for one kind of work; `nil` when it is done on the caller's.
    func makeExecutor(_ name: String, width: Int = 1) -> BlockingExecutor? {
        switch self {
        case .threads: BlockingExecutor(label: "agent-events.log.\(name)", width: width)
        case .caller: nil
        }
    }
}
