import AgentEvents
import AgentEventsFiles

/// The log in a backup, read without opening it: its index and its blocks.
struct BackupContent {
    /// A fault at a position of the log.
    struct Fault {
        var position: Int64
        var message: String
    }

    let segments: [Segment]
    let index: IndexCopy
    let configuration: FileEventLog.Configuration
    /// The folder of the blocks.
    let folder: String

    var end: Int64 { segments.last?.end ?? 0 }

    /// Reads the threads.
    ///
    /// - Parameter readsAll: whether all blocks are read, or only those that are not in the index.
    func threads(readingAll readsAll: Bool) throws(EventLogError) -> (threads: CopiedThreads, fault: Fault?) {
        var (threads, indexedThrough) = try index.read { database in
            (
                try CopiedThreads(in: database, readsAll: readsAll),
                try LogDatabase.meta("indexed_through", in: database)
            )
        }
        guard indexedThrough <= end else {
            return (threads, Fault(position: end, message: "the index has blocks up to \(indexedThrough)"))
        }
        var buffer = BlockBuffer()
        var scan = BlockScan(blocks: store(), from: readsAll ? 0 : indexedThrough, end: end)
        while var block = try scan.next(&buffer) {
            while let head = try block.next() {
                var message: String?
                switch try block.record(head) {
                case .event(let number, let sequence, _):
                    message = threads.note(EventID(generation: block.generation, sequence: sequence), of: number)
                case .thread(let thread): threads.note(thread)
                case .key, .erased: break
                }
                if let message { return (threads, Fault(position: block.position, message: message)) }
            }
        }
        return (threads, threads.missing().map { Fault(position: end, message: $0) })
    }

    /// The first place in a file of blocks where there is no intact one, from the beginning of the file; its end when all are.
    func firstDamage(in segment: Segment) throws(EventLogError) -> Int64 {
        let blocks = store()
        var buffer = BlockBuffer()
        var position = segment.start
        while position < segment.end, let block = try blocks.intactBlock(at: position, &buffer) {
            position += Int64(block.header.blockByteCount)
        }
        return position - segment.start
    }

    private func store() -> SegmentStore {
        SegmentStore(
            folder: folder, segments: segments, synced: end,
            limits: SegmentStore.Limits(
                segmentByteCount: configuration.segmentByteCount, allocationByteCount: 0, now: configuration.now,
                monotonicNow: configuration.monotonicNow, flushes: FlushWatch()),
            in: configuration.files)
    }
}
