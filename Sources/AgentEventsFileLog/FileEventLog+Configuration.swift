package import AgentEvents
package import AgentEventsFiles

extension FileEventLog {
    /// What a commit survives once it is acknowledged.
    @nonexhaustive
    public enum Durability: String, CaseIterable, Sendable {
        /// The end of the process, `kill -9` included.
        case process
        /// The loss of power: each commit is flushed to the disk.
        case disk
    }

    /// How a log in files works.
    public struct Configuration: Sendable {
        /// What a commit survives once it is acknowledged. Default: ``Durability/process``.
        public var durability: Durability = .process

        /// A thread's blocks are listed in an index row once it has so many that are not.
        package var chunkReferenceCount = 128
        /// … or once so many events were logged after the first of them. The next opening reads about so many.
        package var tailEventCount = 1_000_000
        /// … or once more threads than this are held in memory.
        package var threadsInMemory = 65_536
        /// So many full rows and keys are written together.
        package var indexUpdateCount = 64
        /// A file of blocks that has so many bytes gets no further commit.
        package var segmentByteCount: Int64 = 64 << 20
        /// With ``Durability/disk``: by how many bytes a file grows at a time.
        package var allocationByteCount = 4 << 20
        /// Reads that leave the caller's thread, at a time.
        package var readerCount = 4
        /// A page of at most so many events is read on the caller's thread.
        package var inlineReadCount = 16
        /// Where the blocks and the lock are.
        package var files: any FileSystem = RealFileSystem()
        /// Where the index is.
        package var index = IndexPlace.file
        /// Where the log's work runs.
        package var workers = Workers.threads
        /// Where the generation of each opening comes from.
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

/// Where a log's work runs.
package enum Workers: Sendable {
    /// On threads of the log's own.
    case threads
    /// On the caller's thread, and what goes on beside it on a queue: for simulations.
    case caller(background: any WorkQueue)

    /// Where the index is written.
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
