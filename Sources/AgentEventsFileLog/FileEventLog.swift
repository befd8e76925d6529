public import AgentEvents
import AgentEventsFiles
import Synchronization

/// An event log in files: the durable log for one machine.
///
/// The events are in append-only files of blocks in the folder `<path>-blocks`, each block with a checksum; SQLite, in
/// the file at `path`, has the index of them, written in bulk and always after them. So a commit is one write. As long
/// as nothing was trimmed, an index that was lost is rebuilt from the blocks; afterwards only the index knows where
/// threads begin. The values of the ``StateStore`` are in it alone. An opening cuts off what a crash left half-written,
/// and nothing else: it refuses blocks that are damaged, of another version of this program, or of which it cannot
/// tell.
///
/// One instance at a time has the files, guarded by a lock beside them (`<path>.lock`). ``append(_:)`` and ``open()``
/// block their thread; they are meant to be called on ``executor``. Reads wait for no append, and leave the caller's
/// thread when they may take long.
///
/// After a failed append the log answers reads and refuses further appends until it is opened again.
public final class FileEventLog: EventLog {
    /// The file of the index; the blocks are in a folder beside it.
    public let path: String
    let configuration: Configuration
    let flushes = FlushWatch()

    private let writerExecutor: BlockingExecutor?
    private let readExecutor: BlockingExecutor?
    /// Of their own, because they flush, and reads are not to wait for that.
    private let retentionExecutor: BlockingExecutor?
    private let stateExecutor: BlockingExecutor?
    /// Copies a log, one copy at a time.
    private let backupExecutor: BlockingExecutor?
    private let connection: Mutex<LogConnection?>
    private let writer: Mutex<LogWriter?>
    private let retention = Mutex<LogRetention?>(nil)
    private let erasure = Mutex<LogErasure?>(nil)

    /// - Parameters:
    ///   - path: the file of the index; made when it is opened for the first time, with the folders on the way.
    ///   - configuration: how durable a commit is, and more.
    public init(path: String, configuration: Configuration = Configuration()) {
        self.path = path
        self.configuration = configuration
        writerExecutor = configuration.workers.makeExecutor("write")
        readExecutor = configuration.workers.makeExecutor("read", width: configuration.readerCount)
        retentionExecutor = configuration.workers.makeExecutor("retention")
        stateExecutor = configuration.workers.makeExecutor("state")
        backupExecutor = configuration.workers.makeExecutor("backup")
        connection = Mutex(nil)
        writer = Mutex(nil)
    }

    /// A thread of the log's own, because a commit blocks.
    public var executor: (any TaskExecutor)? { writerExecutor }

    public func open() async throws(EventLogError) -> LogOpening {
        try writer.withLock { (writer) throws(EventLogError) in
            if var previous = writer.take() { try? previous.close() }
            connection.withLock { $0 = nil }
            retention.withLock { $0 = nil }
            erasure.withLock { $0 = nil }
            let opened = try LogOpener(path: path, configuration: configuration, flushes: flushes).open()
            writer = opened.writer
            connection.withLock { $0 = opened.writer.connection }
            retention.withLock { $0 = opened.retention }
            erasure.withLock { $0 = opened.erasure }
            return opened.opening
        }
    }

    public func append(_ commit: LogCommit) async throws(EventLogError) {
        try writer.withLock { (writer) throws(EventLogError) in
            guard writer != nil else { throw closed }
            try writer?.append(commit)
        }
    }

    public func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        let reader = LogReader(connection: try openConnection())
        if request.maximumCount <= configuration.inlineReadCount { return try reader.page(request) }
        return try await onReaders { () throws(EventLogError) in try reader.page(request) }
    }

    public func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        let reader = LogReader(connection: try openConnection())
        // On the readers also where there is no such thread: an answer that came sooner would tell it to those who may not know.
        return try await onReaders { () throws(EventLogError) in try reader.record(of: thread) }
    }

    public func threads(_ threads: [ThreadID]) async throws(EventLogError) -> [ThreadRecord?] {
        let reader = LogReader(connection: try openConnection())
        return try await onReaders { () throws(EventLogError) in try reader.records(of: threads) }
    }

    public func startedRuns(
        among runs: Set<RunID>,
        in thread: ThreadID
    ) async throws(EventLogError) -> Set<RunID> {
        try LogReader(connection: try openConnection()).startedRuns(among: runs, in: thread)
    }

    public func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try LogReader(connection: try openConnection()).recall(key, in: thread, now: configuration.now())
    }

    /// Writes what makes the next opening fast, and gives the files free. Further calls throw `log.closed`.
    ///
    /// Closing a log that is not open does nothing. Nothing is lost without it.
    public func close() async throws(EventLogError) {
        try await withTaskExecutorPreference(writerExecutor) { () async throws(EventLogError) in
            try self.writer.withLock { (writer) throws(EventLogError) in
                self.connection.withLock { $0 = nil }
                self.retention.withLock { $0 = nil }
                self.erasure.withLock { $0 = nil }
                guard var closing = writer.take() else { return }
                try closing.close()
            }
        }
    }

    func openConnection() throws(EventLogError) -> LogConnection {
        guard let connection = connection.withLock({ $0 }) else { throw closed }
        return connection
    }

    func openRetention() throws(EventLogError) -> LogRetention {
        guard let retention = retention.withLock({ $0 }) else { throw closed }
        return retention
    }

    func openErasure() throws(EventLogError) -> LogErasure {
        guard let erasure = erasure.withLock({ $0 }) else { throw closed }
        return erasure
    }

    /// Runs what may take long on the readers' threads.
    func onReaders<Result: Sendable>(
        _ body: @Sendable () throws(EventLogError) -> Result
    ) async throws(EventLogError) -> Result {
        try await withTaskExecutorPreference(readExecutor) { () async throws(EventLogError) in try body() }
    }

    /// Runs what trims on a thread of its own.
    func onRetention<Result: Sendable>(
        _ body: @Sendable () throws(EventLogError) -> Result
    ) async throws(EventLogError) -> Result {
        try await withTaskExecutorPreference(retentionExecutor) { () async throws(EventLogError) in try body() }
    }

    /// Runs what saves values on a thread of its own.
    func onState<Result: Sendable>(
        _ body: @Sendable () throws(EventLogError) -> Result
    ) async throws(EventLogError) -> Result {
        try await withTaskExecutorPreference(stateExecutor) { () async throws(EventLogError) in try body() }
    }

    /// Runs what copies the log on a thread of its own.
    func onBackup<Result: Sendable>(
        _ body: @Sendable () throws(EventLogError) -> Result
    ) async throws(EventLogError) -> Result {
        try await withTaskExecutorPreference(backupExecutor) { () async throws(EventLogError) in try body() }
    }

    /// Seals the file of blocks that is written to, between two commits.
    func seal() throws(EventLogError) -> [Segment] {
        try writer.withLock { (writer) throws(EventLogError) in
            guard writer != nil else { throw closed }
            return try writer?.seal() ?? []
        }
    }

    private var closed: EventLogError {
        EventLogError(.closed, "the log \(path) is not open; open it first")
    }
}

extension FileEventLog: RunIndexedLog {
    package func firstSequence(of run: RunID, in thread: ThreadID) async throws(EventLogError) -> UInt64? {
        try LogReader(connection: try openConnection()).firstSequence(of: run, in: thread)
    }
}
