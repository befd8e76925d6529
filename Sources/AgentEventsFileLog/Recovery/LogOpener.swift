import AgentEvents
import AgentEventsFiles
import Foundation

/// Opens a file for writing: lock, connections, schema, generation, and the tail of the index.
struct LogOpener {
    let path: String
    let configuration: FileEventLog.Configuration
    var flushes = FlushWatch()

    struct Opened {
        var writer: LogWriter
        var retention: LogRetention
        var erasure: LogErasure
        var opening: LogOpening
    }

    func open() throws(EventLogError) -> Opened {
        try makeFolder()
        let lock = try FileLock(path: path + ".lock", in: files)
        // Reads on the log's threads and the cooperative pool's together, so that none waits for another.
        let readerCount = configuration.readerCount + ProcessInfo.processInfo.activeProcessorCount + 2
        let index = try IndexStore(path: path, place: configuration.index, readerCount: readerCount, in: files)
        do {
            return try open(index, lock)
        } catch {
            let error = EventLogError(error, doing: "opening", path: path)
            try? index.close()
            throw error
        }
    }

    private func open(_ index: IndexStore, _ lock: FileLock) throws -> Opened {
        try index.migrate()
        let (indexedThrough, generation, lastStart, removed, deleted) = try index.read { database in
            (
                try LogDatabase.meta("indexed_through", in: database),
                try LogDatabase.meta("generation", in: database),
                try LogDatabase.meta("last_start", in: database),
                try RetentionDatabase.removed(in: database),
                try DeletionDatabase.unfinished(in: database)
            )
        }
        let recovery = SegmentRecovery(
            folder: path + "-blocks",
            indexedThrough: indexedThrough,
            generation: generation,
            lastStart: lastStart,
            removed: removed,
            limits: SegmentStore.Limits(
                segmentByteCount: configuration.segmentByteCount,
                allocationByteCount: configuration.durability == .disk ? configuration.allocationByteCount : 0,
                now: configuration.now,
                monotonicNow: configuration.monotonicNow,
                flushes: flushes
            ),
            files: files
        )
        let (blocks, end) = try recovery.open()
        let numbers = Set(deleted.map(\.number))
        let state = try recover(index, blocks: blocks, from: indexedThrough, end: end, deleted: numbers)
        let connection = LogConnection(
            path: path, blocks: blocks, index: index, tail: state.tail, removed: removed,
            deleted: DeletedThreads(numbers, hasAny: try index.read { try DeletionDatabase.hasAny(in: $0) }), lock: lock
        )
        let indexWriter = IndexWriter(connection: connection, queue: configuration.workers.makeIndexQueue())
        let writer = LogWriter(
            connection: connection,
            indexWriter: indexWriter,
            durability: configuration.durability,
            position: state.position,
            nextThread: state.lastThread + 1
        )
        let opening = LogOpening(
            generation: state.generation,
            threadsWithOpenRuns: state.threadsWithOpenRuns,
            endOffset: LogOffset(block: writer.position, eventCount: 0).number
        )
        let retention = LogRetention(connection: connection, indexWriter: indexWriter)
        let erasure = LogErasure(connection: connection, indexWriter: indexWriter)
        return Opened(writer: writer, retention: retention, erasure: erasure, opening: opening)
    }

    private var files: any FileSystem { configuration.files }

    private func makeFolder() throws(EventLogError) {
        guard let last = path.lastIndex(of: "/"), last > path.startIndex else { return }
        let folder = String(path[..<last])
        do throws(FileError) {
            try files.createFolder(folder)
        } catch {
            throw EventLogError(.unavailable, "the folder \(folder) cannot be made: \(error)", cause: error)
        }
    }

    private struct Recovery {
        var generation: UInt64
        /// The position at which the blocks of this opening begin.
        var position: Int64
        var threadsWithOpenRuns: [ThreadID]
        var tail: TailStateMachine
        var lastThread: UInt64
    }

    /// Reads what is not in the index, and starts a generation.
    private func recover(
        _ index: IndexStore,
        blocks: SegmentStore,
        from indexedThrough: Int64,
        end: Int64,
        deleted: Set<UInt64>
    ) throws -> Recovery {
        let limits = TailStateMachine.Limits(
            chunkReferenceCount: configuration.chunkReferenceCount,
            eventCount: configuration.tailEventCount,
            threadCount: configuration.threadsInMemory,
            updateCount: configuration.indexUpdateCount
        )
        var tail = TailStateMachine(limits: limits, end: indexedThrough)
        let (lastKnown, lastStart, lastStored, scan, open) = try index.read { database in
            var scan = TailRebuild(blocks: blocks, end: end, deleted: deleted) {
                try LogDatabase.thread(number: $0, in: database)
            }
            try scan.run(into: &tail)
            var open: [UInt64: ThreadID] = [:]
            for number in try LogDatabase.threadsWithOpenRuns(in: database) {
                open[number] = try LogDatabase.threadID(number: number, in: database)
            }
            return (
                try LogDatabase.meta("generation", in: database), try LogDatabase.meta("last_start", in: database),
                try max(LogDatabase.lastThread(in: database), DeletionDatabase.lastThread(in: database)),
                (scan.generation, scan.lastThread), open
            )
        }
        // The blocks know a later generation only where the file of the index was lost.
        let last = max(UInt64(lastKnown), scan.0)
        // Of the last opening nothing may be left; its positions are not used again all the same.
        let behind = max(end, lastStart)
        guard behind < LogOffset.endOfBlocks - Segment.openingGap, last <= GenerationSource.maximumLast else {
            throw LogConnection.corrupt("its last opening has the number \(last), and began at \(behind)")
        }
        let generation = configuration.generations.next(after: last)
        let position = last == 0 ? 0 : behind + Segment.openingGap
        try index.transaction("opening") { database in
            try LogDatabase.setMeta("generation", to: Int64(generation), in: database)
            try LogDatabase.setMeta("last_start", to: position, in: database)
        }
        return Recovery(
            generation: generation,
            position: position,
            threadsWithOpenRuns: threadsWithOpenRuns(open, tail: tail),
            tail: tail,
            lastThread: max(lastStored, scan.1)
        )
    }

    /// The threads with an open run, by age.
    ///
    /// - Parameter stored: those with one at the end of the index, by their numbers.
    private func threadsWithOpenRuns(_ stored: [UInt64: ThreadID], tail: TailStateMachine) -> [ThreadID] {
        var open = stored
        for state in tail.runStates { open[state.number] = state.isOpen ? state.thread : nil }
        return open.sorted { $0.key < $1.key }.map(\.value)
    }
}
