import AgentEvents

/// A run that is done again, by its first events.
struct RetriedRun: Sendable {
    let run: RunID
    private(set) var agent: AgentName?
    private(set) var beginning = RunBeginning()

    /// Finds a run. That takes a look at the thread from its start: people do not ask for it often.
    ///
    /// - Returns: `nil` when the thread does not have it, or no longer.
    static func find(_ run: RunID, in thread: ThreadID, _ log: any EventLog) async throws(EventLogError) -> RetriedRun?
    {
        var found: RetriedRun?
        var after: UInt64 = 0
        while true {
            let page = try await log.read(LogRead(.thread(thread, after: after)))
            guard let last = page.events.last else { return found }
            for stored in page.events {
                let event = try stored.decoded()
                guard event.runID == run else { continue }
                var retried = found ?? RetriedRun(run: run)
                retried.agent = retried.agent ?? event.agent
                retried.beginning.take(event.payload)
                if event.type == .agentStarted { return retried }
                found = retried
            }
            after = last.id.sequence
        }
    }
}
