public import AgentEvents
import Synchronization

/// Appends events to a file, one a line in the exact bytes of the log (NDJSON), and starts a new file when it is large.
///
/// `events.ndjson` becomes `events.ndjson.1`, that `events.ndjson.2`, and so on; the oldest one goes. Files are
/// readable by their owner only, and hold whole lines: when it is opened, a file that a crash left with a torn last
/// line is cut back to the last whole one.
///
/// As a ``DurableSink`` it continues after a restart. Events that come again then are recognised by the last 4 MiB of
/// the file and are not written twice. When more than that comes again, or a new file was started just before the
/// crash, they are: a reader who must be sure looks at (`thread_id`, `seq`). How much can come again is a matter of
/// ``DurableSink/savedEventCount`` and ``DurableSink/savedInterval``.
///
/// The lines of a thread that was deleted become blank ones, of spaces, in all of these files.
public final class FileSink: EventSink {
    /// The failures that a batch survives once it is taken.
    @nonexhaustive
    public enum Durability: Hashable, Sendable {
        /// The end of the process.
        case process
        /// A loss of power: the disk is waited for, after each batch.
        case disk
    }

    private struct State: ~Copyable {
        var file: LineFile?
        /// The last lines as the file was opened; `nil` when the first event that is not among them has come.
        var written: Set<[UInt8]>?
    }

    /// The size of the part at a file's end that is searched for events that come again, in bytes.
    private static let comparedByteCount = 4 * 1024 * 1024

    public let name: String
    /// The path of the current file.
    public let path: String
    private let maximumFileByteCount: Int
    private let keptFileCount: Int
    private let durability: Durability
    private let isPrivate: Bool
    private let files: any FileSystem
    private let executor = BlockingExecutor(label: "agent-events.file-sink")
    private let state = Mutex(State(file: nil, written: nil))

    /// The file is opened, or created, with the first batch.
    ///
    /// - Parameters:
    ///   - path: where the current file is; its folder exists. No other sink or process writes to it.
    ///   - maximumFileByteCount: a new file is started before one would grow larger; a single event may. Default: 64
    ///     MiB.
    ///   - keptFileCount: how many files are kept beside the current one, at least 0. Default: 10.
    ///   - durability: what a batch survives once it is taken. Default: the end of the process.
    public convenience init(
        name: String = "file",
        path: String,
        maximumFileByteCount: Int = 64 * 1024 * 1024,
        keptFileCount: Int = 10,
        durability: Durability = .process
    ) {
        self.init(
            name: name, path: path, maximumFileByteCount: maximumFileByteCount, keptFileCount: keptFileCount,
            durability: durability, files: RealFileSystem())
    }

    /// - Parameter isPrivate: Whether nothing is written to a file that others than this user may use, whoever has made it, or put
    ///   it in the place of another one. Default: no.
    package init(
        name: String = "file",
        path: String,
        maximumFileByteCount: Int = 64 * 1024 * 1024,
        keptFileCount: Int = 10,
        durability: Durability = .process,
        isPrivate: Bool = false,
        files: any FileSystem
    ) {
        precondition(keptFileCount >= 0, "the count of kept files is not negative")
        self.name = name
        self.path = path
        self.maximumFileByteCount = maximumFileByteCount
        self.keptFileCount = keptFileCount
        self.durability = durability
        self.isPrivate = isPrivate
        self.files = files
    }

    /// - Throws: ``SinkError``; then the batch may be given again.
    public func receive(_ batch: SinkBatch) async throws {
        try await executor.run { () throws(SinkError) in
            try self.state.withLock { (state) throws(SinkError) in try self.write(batch, &state) }
        }
    }

    /// Erases a thread from each file: the oldest first, since these move.
    private func erase(_ thread: ThreadID, _ state: inout State) throws(SinkError) {
        // What was read of its end is not compared any longer with what is there.
        state.file = nil
        state.written = nil
        let erasure = LineErasure(of: thread) { $0 }
        for path in try FileRotation.paths(of: path, in: files).reversed() {
            let file = try LineFile.opened(at: path, in: files)
            try erasure.erase(from: file)
        }
    }

    private func write(_ batch: SinkBatch, _ state: inout State) throws(SinkError) {
        // On an error the file is closed, and what is in it is looked at again with the next batch.
        var file: LineFile
        if let open = state.file.take() {
            file = open
        } else {
            file = try open(&state)
        }
        var lines: [UInt8] = []
        for event in batch.events {
            if let written = state.written {
                if written.contains(event.bytes) { continue }
                state.written = nil
            }
            let byteCount = file.size + lines.count
            if byteCount > 0, byteCount + event.bytes.count + 1 > maximumFileByteCount {
                try append(&lines, to: &file)
                file = try successor(of: file)
            }
            lines += event.bytes
            lines.append(UInt8(ascii: "\n"))
        }
        try append(&lines, to: &file)
        state.file = consume file
    }

    private func open(_ state: inout State) throws(SinkError) -> LineFile {
        let file = try LineFile.opened(at: path, in: files, beingPrivate: isPrivate)
        if durability == .disk { try FileRotation.synchronizeFolder(of: path, in: files) }
        state.written = Set(try file.lastLines(byteCount: Self.comparedByteCount))
        return file
    }

    private func append(_ lines: inout [UInt8], to file: inout LineFile) throws(SinkError) {
        try file.append(lines)
        lines.removeAll(keepingCapacity: true)
        if durability == .disk { try file.synchronize() }
    }

    private func successor(of file: consuming LineFile) throws(SinkError) -> LineFile {
        try FileRotation.rotate(path, keptCount: keptFileCount, synchronizing: durability == .disk, in: files)
        let successor = try LineFile.opened(at: path, in: files, beingPrivate: isPrivate)
        if durability == .disk { try FileRotation.synchronizeFolder(of: path, in: files) }
        return successor
    }
}

extension FileSink: DeletionSink {
    public var erasure: SinkErasure { .complete }

    /// - Throws: ``SinkError``; then lines may be left.
    public func receive(_ deletion: ThreadDeletedRecord) async throws {
        try await executor.run { () throws(SinkError) in
            try self.state.withLock { (state) throws(SinkError) in try self.erase(deletion.thread, &state) }
        }
    }
}
