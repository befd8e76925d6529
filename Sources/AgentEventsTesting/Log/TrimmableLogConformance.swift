public import AgentEvents
public import Testing

/// The contract of every log that can be trimmed, as checks for a test, in addition to those of
/// ``EventLogConformance``.
///
/// ```swift
/// @Test func conforms() async throws {
///     try await TrimmableLogConformance(make: { MyLog() }).run()
/// }
/// ```
///
/// Faults are reported as issues of the running test, at the place where the suite was made.
public struct TrimmableLogConformance: ConformanceSuite {
    /// Makes an empty log that is not open.
    public typealias Make = @Sendable () async throws -> any TrimmableLog
    /// Ends the use of a log and gives one, not open, that holds the same.
    public typealias Reopen = @Sendable (any TrimmableLog) async throws -> any TrimmableLog

    static let subject = "A log that is trimmed"
    let make: Make
    let reopen: Reopen?
    let sourceLocation: SourceLocation

    /// - Parameters:
    ///   - make: makes an empty log that is not open; called for each property.
    ///   - reopen: ends the use of a log and gives one, not open, that holds the same; `nil` for a log that keeps
    ///     nothing.
    public init(
        make: @escaping Make,
        reopen: Reopen? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        self.make = make
        self.reopen = reopen
        self.sourceLocation = sourceLocation
    }

    /// Checks all properties, one after the other.
    public func run() async throws {
        try await namesNothingWithoutLimits()
        try await trimsTheOldest()
        try await goesOnWhenNothingIsLeft()
        try await neverTrimsOpenRuns()
        try await recallsKeysOfTrimmedEvents()
        try await readsAllThreadsBehindATrim()
        try await keepsTheNewestOfEachThread()
        try await trimsByAge()
        try await trimsByByteCount()
        try await doesNotForgetWhatWasNotTrimmed()
        try await appendsAndReadsWhileTrimming()
        try await staysTrimmedWhenReopened()
    }

    // MARK: Pieces of checks

    /// An open log with a script of events for it.
    func opened() async throws -> (log: any TrimmableLog, script: LogScript) {
        let log = try await make()
        let opening = try await open(log)
        return (log, LogScript(generation: opening.generation))
    }

    /// Trims what a policy names, until nothing more is due.
    ///
    /// - Parameter now: when that is; an hour from now by default.
    /// - Returns: what was named.
    /// - Throws: what the log throws, or when there is no end to it.
    @discardableResult
    func sweep(
        _ log: any TrimmableLog,
        _ policy: RetentionPolicy,
        at now: Timestamp = .inAnHour,
        threadsAtATime: Int = 1000
    ) async throws -> [ThreadTrim] {
        var trims: [ThreadTrim] = []
        // A log that does not get on must not keep the suite for ever.
        for _ in 0..<2000 {
            let query = RetentionQuery(policy: policy, now: now, maximumThreadCount: threadsAtATime)
            let step = try await log.expired(query)
            check(step.trims.count <= threadsAtATime, "a step names no more threads than were asked for")
            check(Set(step.trims.map(\.thread)).count == step.trims.count, "a step names each thread once")
            trims += step.trims
            try await log.trim(step.trims)
            if step.isLast { return trims }
        }
        check(false, "a sweep comes to its end")
        throw EventLogError(.failed, "the sweep was broken off after 2000 steps")
    }

    /// Checks that a thread has exactly the events from a sequence on, whatever position is asked for.
    func checkThread(
        _ thread: ThreadID,
        in log: any TrimmableLog,
        _ script: LogScript,
        from oldest: UInt64,
        _ comment: String
    ) async throws {
        let all = script.events(of: thread)
        let kept = all.filter { $0.id.sequence >= oldest }
        for after in [0, oldest / 2, oldest - 1, oldest, UInt64(all.count)] {
            let page = try await log.read(LogRead(.thread(thread, after: after)))
            let wanted = kept.filter { $0.id.sequence > after }
            check(page.events == wanted, "\(comment): the events of \(thread) after \(after)")
            check(page.reachesEnd, "\(comment): the page of \(thread) after \(after) reaches the end")
            check(page.skipsTrimmed == (after + 1 < oldest), "\(comment): whether \(thread) after \(after) was trimmed")
        }
        let record = try await log.thread(thread)
        check(record?.head == all.last?.id, "\(comment): the head of \(thread) stays")
        check(record?.user == script.user, "\(comment): the user of \(thread) stays")
        check(record?.oldest.sequence == oldest, "\(comment): the oldest event of \(thread) is \(oldest)")
        check(record?.isEmpty == kept.isEmpty, "\(comment): whether \(thread) is empty")
        if let first = kept.first {
            check(record?.oldest == first.id, "\(comment): the id of the oldest event of \(thread)")
        }
    }

    /// All events, read in pages, and whether a page said that some are missing.
    func all(
        in log: any TrimmableLog,
        after start: UInt64 = 0,
        pageSize: Int = 7
    ) async throws -> (events: [StoredEvent], skipsTrimmed: Bool) {
        var events: [StoredEvent] = []
        var skipsTrimmed = false
        var offset = start
        while true {
            let page = try await log.read(LogRead(.all(afterOffset: offset), maximumCount: pageSize))
            events += page.events
            if page.skipsTrimmed { skipsTrimmed = true }
            if page.reachesEnd || page.nextOffset <= offset { return (events, skipsTrimmed) }
            offset = page.nextOffset
        }
    }
}

extension Timestamp {
    /// An hour from now by the wall clock.
    static var inAnHour: Timestamp { Timestamp(milliseconds: Timestamp.wallClock.milliseconds + 3_600_000) }
}
