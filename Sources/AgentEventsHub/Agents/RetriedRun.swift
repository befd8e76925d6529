import AgentEvents

/// A run that is done again, by its first events.
struct RetriedRun: Sendable {
    let run: RunID
    /// The number of its first event.
    private(set) var sequence: UInt64 = 0
    private(set) var agent: AgentName?
    private(set) var beginning = RunBeginning()
    /// The schedule of which it is an occurrence, as its first event has it.
    private(set) var schedule: ScheduleID?
    /// Whether its first event is there, and not only later ones.
    private(set) var hasFirst = false

    private init(_ run: RunID) { self.run = run }

    /// The number of events that are read first: a run that was not queued is known by one.
    private static let nearCount = 16

    /// Finds a run by the index of the log, and reads it from its first event to its start: as much as it waited in the
    /// queue. In a log without such an index that takes a look at the thread from its start.
    ///
    /// - Returns: `nil` when the thread does not have it, or no longer.
    static func find(_ run: RunID, in thread: ThreadID, _ log: any EventLog) async throws(EventLogError) -> RetriedRun?
    {
        var after: UInt64 = 0
        if let log = log as? any RunIndexedLog {
            guard let first = try await log.firstSequence(of: run, in: thread) else { return nil }
            after = first - 1
        }
        var found: RetriedRun?
        var count = nearCount
        while true {
            let page = try await log.read(LogRead(.thread(thread, after: after), maximumCount: count))
            count = 1000
            guard let last = page.events.last else { return found }
            for stored in page.events {
                let event = try stored.decoded()
                guard event.runID == run else { continue }
                var retried = found ?? RetriedRun(run)
                if found == nil {
                    retried.sequence = event.sequence
                    retried.hasFirst = event.type == .agentQueued || event.type == .agentStarted
                    if case .agentQueued(let queued) = event.payload { retried.schedule = queued.scheduleID }
                }
                retried.agent = retried.agent ?? event.agent
                retried.beginning.take(event.payload)
                if event.type == .agentStarted || event.type?.endsRun == true { return retried }
                found = retried
            }
            after = last.id.sequence
        }
    }
}
