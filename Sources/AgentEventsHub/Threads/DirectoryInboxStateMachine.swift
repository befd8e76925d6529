import AgentEvents

/// Decides which part of the commits waits for the directory of threads, and up to which place of the log it has come.
///
///     dormant ── asked ──> lost ── take ──> (the log is read) ──> collecting ── too much waits, or others have written ──> lost
///        ^                                                            │
///        └───────────────── rest: nobody has asked for long ──────────┘
///
/// Nothing is collected for nobody: where no list was asked for, a commit costs one look at a flag.
///
/// What is lost here is in the log. The directory begins to collect, and reads the log to its end after that: whatever was
/// committed before is read, and whatever comes later is collected. Some of it comes both ways, which the number of an event
/// tells.
///
/// **The place.** A commit is in the log before anybody is told of it, so the end of the log may be beyond what has come here.
/// But all commits are told of one after the other: once a commit is told of *after* the end was looked at, all that was
/// committed before that end has come.
struct DirectoryInboxStateMachine {
    /// The entries that wait at most.
    static let maximumEntryCount = 16_384
    /// The bytes of entries that wait at most.
    static let maximumByteCount = 4 * 1024 * 1024
    /// With so many entries that wait, or bytes of them, or commits that went by, it is worth to take them.
    static let worthwhileCount = 512
    static let worthwhileByteCount = 256 * 1024
    static let worthwhilePassedCount = 4096

    struct Batch {
        var entries: [LogEntry] = []
        /// Whether something is missing, and the log has to be read.
        var isLost = false
        /// The number of events that were committed, with those that do not count.
        var passedCount = 0
        /// The number of commits that were told of.
        var commitCount: UInt64 = 0
        /// A place up to which everything has come with this batch, or before; `nil` when none is known.
        var place: UInt64?
    }

    /// Whether nothing is collected, because nobody asks.
    private(set) var isDormant: Bool
    private var batch = Batch()
    private var byteCount = 0
    private(set) var commitCount: UInt64 = 0
    private var end: (place: UInt64, commitCount: UInt64)?

    init(isDormant: Bool = false) { self.isDormant = isDormant }

    /// Whether something waits.
    var hasEntries: Bool { batch.isLost || !batch.entries.isEmpty }

    /// Somebody asks: from now on it is collected, and what was committed before is in the log.
    mutating func asked() {
        guard isDormant else { return }
        isDormant = false
        lose()
    }

    /// Nobody has asked for long.
    mutating func rest() {
        self = Self(isDormant: true, commitCount: commitCount)
    }

    private init(isDormant: Bool, commitCount: UInt64) {
        self.isDormant = isDormant
        self.commitCount = commitCount
    }

    /// Whether an end of the log is wanted.
    var wantsEnd: Bool { end == nil }

    /// Events were committed.
    ///
    /// - Returns: whether it is time to take what waits, though nobody asks for it.
    mutating func committed(_ entries: [LogEntry]) -> Bool {
        guard !isDormant else { return false }
        commitCount += 1
        guard !batch.isLost else { return false }
        batch.passedCount += entries.count
        for entry in entries where ThreadSummary.counts(entry.type) {
            byteCount += entry.bytes.count
            batch.entries.append(entry)
        }
        if batch.entries.count > Self.maximumEntryCount || byteCount > Self.maximumByteCount { lose() }
        return batch.isLost || batch.entries.count >= Self.worthwhileCount || byteCount >= Self.worthwhileByteCount
            || batch.passedCount >= Self.worthwhilePassedCount
    }

    /// Others have written into the log.
    mutating func advanced() {
        guard !isDormant else { return }
        commitCount += 1
        lose()
    }

    private mutating func lose() {
        batch = Batch(isLost: true)
        byteCount = 0
    }

    /// The end of the log was looked at.
    mutating func found(end place: UInt64) { end = (place, commitCount) }

    /// The log is read from now on, to its end.
    mutating func beginReading() {
        batch = Batch()
        byteCount = 0
        end = nil
    }

    mutating func take() -> Batch {
        var taken = Batch()
        swap(&taken, &batch)
        byteCount = 0
        taken.commitCount = commitCount
        if let end, !taken.isLost, commitCount > end.commitCount {
            taken.place = end.place
            self.end = nil
        }
        return taken
    }
}
