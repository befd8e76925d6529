/// The runs that a process hosted which is gone: they were open when it died. Before the next process takes events each is
/// ended as `agent_failed`, code `run.lost` (I7), or stays open for an agent that resumes; ``RunRecovery`` decides. A run that
/// was queued has done nothing that could be lost: it stays queued.
struct LostRuns {
    /// This many threads are read at a time.
    private static let threadCount = 8

    let contexts: ThreadContexts
    let services: RuntimeServices
    /// Is told what was found in threads in which runs of such a process stay open.
    let note: @Sendable (ThreadOwner, RecoveredRuns) -> Void

    /// Decides on them in some threads. Runs hosted outside continue; whether nothing came for one of them is checked once
    /// events are taken.
    func recover(in threads: [ThreadID]) async throws(AgentEventsError) {
        var rest = threads[...]
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for thread in rest.prefix(Self.threadCount) {
                    group.addTask { try await recover(in: thread) }
                }
                rest = rest.dropFirst(Self.threadCount)
                while try await group.next() != nil {
                    guard let thread = rest.popFirst() else { continue }
                    group.addTask { try await recover(in: thread) }
                }
            }
        } catch {
            guard let error = error as? AgentEventsError else { preconditionFailure("the tasks throw no other error") }
            throw error
        }
    }

    private func recover(in thread: ThreadID) async throws(AgentEventsError) {
        let record = try await mapLogError { () async throws(EventLogError) in try await services.log.thread(thread) }
        guard let record else { return }
        let lost = try await lost(of: record, in: thread)
        guard !lost.isEmpty else {
            services.deadlines.set(ThreadOwner(thread: thread, user: record.user), at: Timestamp(milliseconds: 0))
            return
        }
        let context = try await contexts.context(user: record.user, thread: thread, services)
        let recovered = try await context.recover(lost)
        if recovered != RecoveredRuns() { note(context.owner, recovered) }
        // However many threads there are, no more than the buffer of the log holds waits for it.
        await services.commit.waitForCapacity()
    }

    /// The runs of a thread that a process hosted which is gone. Where others write too, one of them may have opened the
    /// log and started runs since this process has: these began in this generation or a later one.
    private func lost(of record: ThreadRecord, in thread: ThreadID) async throws(AgentEventsError) -> [OpenRun] {
        let hosted = record.openRuns.filter { $0.host == .process }
        guard services.isContended else { return hosted }
        var lost: [OpenRun] = []
        for run in hosted {
            let page = try await mapLogError { () async throws(EventLogError) in
                try await services.log.read(
                    LogRead(.thread(thread, after: run.sequence - 1), maximumCount: 1))
            }
            // Nothing: it has ended meanwhile, and was trimmed.
            guard let start = page.events.first, start.id.sequence == run.sequence else { continue }
            if start.id.generation < services.generation { lost.append(run) }
        }
        return lost
    }
}
