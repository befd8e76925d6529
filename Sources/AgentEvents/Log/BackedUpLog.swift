/// A log that can be copied while it is written to.
public protocol BackedUpLog: EventLog {
    /// Copies everything into a new folder: all that was committed, and all values that were saved, before the call; perhaps also
    /// some of what came since. Appends do not wait for it longer than for another append.
    ///
    /// The folder has its name when the copy is whole and on the disk, and not before. One backup is made at a time; others wait.
    ///
    /// - Parameter folder: there must not be one. The folder that it is in is made if there is none.
    /// - Throws: ``EventLogError``: `log.closed`, `log.full`, `log.exists` when there is such a folder, `log.unavailable` when it
    ///   cannot be made. Then there is no copy.
    func backUp(to folder: String) async throws(EventLogError) -> LogBackup
}

/// A copy of a log that was made, in figures.
public struct LogBackup: Hashable, Sendable {
    /// The folder that it is in.
    public var folder: String
    /// The time at which it was made.
    public var time: Timestamp
    public var fileCount: Int
    /// The size of all files.
    public var byteCount: Int64
    public var threadCount: Int

    public init(folder: String, time: Timestamp, fileCount: Int, byteCount: Int64, threadCount: Int) {
        self.folder = folder
        self.time = time
        self.fileCount = fileCount
        self.byteCount = byteCount
        self.threadCount = threadCount
    }
}

/// A log that knows the backups that were made of it.
public protocol BackupListingLog: BackedUpLog {
    /// The backups in a folder that were completed, the oldest first. Folders without a manifest are not among them.
    ///
    /// - Throws: ``EventLogError``, also when one manifest cannot be read.
    func backups(in folder: String) async throws(EventLogError) -> [BackupMark]
}

/// A backup in a folder of backups.
public struct BackupMark: Hashable, Sendable {
    /// The name of its folder.
    public var name: String
    /// The time at which it was made.
    public var time: Timestamp

    public init(name: String, time: Timestamp) {
        self.name = name
        self.time = time
    }
}
