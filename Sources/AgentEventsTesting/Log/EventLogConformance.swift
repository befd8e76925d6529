public import AgentEvents
public import Testing

/// The contract of every log, as checks for a test.
///
/// ```swift
/// @Test func conforms() async throws {
///     try await EventLogConformance(make: { MyLog() }).run()
/// }
/// ```
///
/// Faults are reported as issues of the running test, at the place where the suite was made.
public struct EventLogConformance: ConformanceSuite {
    /// Makes an empty log that is not open.
    public typealias Make = @Sendable () async throws -> any EventLog
    /// Ends the use of a log and gives one, not open, that holds the same.
    public typealias Reopen = @Sendable (any EventLog) async throws -> any EventLog

    static let subject = "A log"
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
        try await startsEmpty()
        try await readsDenseSequences()
        try await readsPagesByCount()
        try await readsPagesByByteCount()
        try await readsAllThreadsInTheOrderOfCommits()
        try await keepsBytesExactly()
        try await recordsThreads()
        try await knowsStartedRuns()
        try await recallsKeys()
        try await refusesWhatDoesNotFollow()
        try await showsWholeCommitsWhileAppending()
        try await keepsEverythingWhenReopened()
    }

    // MARK: Pieces of checks

    /// An open log with a script of events for it.
    func opened() async throws -> (log: any EventLog, script: LogScript) {
        let log = try await make()
        let opening = try await open(log)
        return (log, LogScript(generation: opening.generation))
    }

    /// A digest that differs from those of other numbers.
    func digest(_ number: Int) -> RequestDigest? {
        RequestDigest(bytes: (0..<RequestDigest.byteCount).map { UInt8(truncatingIfNeeded: $0 + 40 * number) })
    }

    /// All events of a thread, read in pages.
    func events(of thread: ThreadID, in log: any EventLog, pageSize: Int = 1000) async throws -> [StoredEvent] {
        var events: [StoredEvent] = []
        while true {
            let after = events.last?.id.sequence ?? 0
            let page = try await log.read(LogRead(.thread(thread, after: after), maximumCount: pageSize))
            events += page.events
            // A log that does not get on must not keep the suite for ever.
            if page.reachesEnd || page.events.first?.id.sequence != after + 1 { return events }
        }
    }

    /// All events, read in pages.
    func events(in log: any EventLog, pageSize: Int = 1000) async throws -> [StoredEvent] {
        var events: [StoredEvent] = []
        var offset: UInt64 = 0
        while true {
            let page = try await log.read(LogRead(.all(afterOffset: offset), maximumCount: pageSize))
            events += page.events
            if page.reachesEnd || page.nextOffset <= offset { return events }
            offset = page.nextOffset
        }
    }
}
