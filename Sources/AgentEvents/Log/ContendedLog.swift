/// A log that several processes write at the same time, and that commits each thread by itself.
///
/// No writer has a thread for itself. Each numbers the events of a thread after the last one it knows of, and the log
/// takes those of a thread only if they follow its last one: of two writers that append to a thread at once, one was
/// first, and the other is told. Its context reads the thread from the log and decides again, on what is there by then.
///
/// ```
///              follows the thread's last event
/// events of a ─────────────────────────────────> committed
/// thread     └─────────────────────────────────> refused: none of them is in the log, and nobody was shown one
///              somebody else appended first
/// ```
///
/// Beside what ``EventLog`` asks for:
/// - ``open()`` does not refuse a second writer with `log.locked`. Writers that have the log open at once may share a
///   generation: an event that one of them has seen is in the log of them all. A writer that opens the log while
///   another one has it open names no threads with open runs: they continue elsewhere.
/// - What another writer has committed is there for every call that begins afterwards (``thread(_:)``, ``read(_:)``,
///   ``startedRuns(among:in:)``, ``recall(_:in:)``).
/// - ``append(_:)`` is all or none, as ever. The runtime does not call it.
public protocol ContendedLog: EventLog {
    /// Commits the events of each thread by itself, all of them or none, and returns when those that were taken are
    /// durable.
    ///
    /// Called as ``EventLog/append(_:)`` is: by one task of a writer, one commit after the other. The keys of a thread
    /// that is refused do not become known.
    ///
    /// - Throws: ``EventLogError`` for what has nothing to do with other writers. Then of each thread all events are in
    ///   the log or none, and no further call is made until the log is opened again.
    func appendByThread(_ commit: LogCommit) async throws(EventLogError) -> ContendedCommit

    /// Waits until other writers have committed since the last call, and says in which threads. So the readers of this
    /// process are given what others write, also where this process writes nothing.
    ///
    /// Called by one task while this writer has the log open, again and again. The answers are hints: a thread that is
    /// named late, twice, or with an event that is no longer the last one does no harm. One that is not named at all
    /// does: its readers wait until this process commits something in it.
    ///
    /// - Returns: the threads, at least one; `nil` when the task is cancelled, or this writer has closed the log.
    func advancedThreads() async -> [AdvancedThread]?
}

/// A thread in which another writer of a ``ContendedLog`` has committed.
public struct AdvancedThread: Hashable, Sendable {
    public var thread: ThreadID
    /// The user it belongs to.
    public var user: UserID
    /// The last event, as far as the log has told.
    public var head: EventID

    public init(thread: ThreadID, user: UserID, head: EventID) {
        self.thread = thread
        self.user = user
        self.head = head
    }
}

/// The outcome of a commit that was taken thread by thread.
public struct ContendedCommit: Sendable {
    /// The threads of which nothing was taken, because somebody else had appended first. All others are durable.
    public var refusedThreads: Set<ThreadID>

    public init(refusedThreads: Set<ThreadID> = []) { self.refusedThreads = refusedThreads }
}

extension LogCommit {
    /// The commit without some threads.
    package func without(_ threads: Set<ThreadID>) -> LogCommit {
        guard !threads.isEmpty else { return self }
        return LogCommit(
            entries: entries.filter { !threads.contains($0.owner.thread) },
            keys: keys.filter { !threads.contains($0.thread) }, time: time)
    }
}
