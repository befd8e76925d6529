import AgentEvents
import AgentEventsTestSupport
import AgentEventsTesting
import Testing

@Suite(.timeLimit(.minutes(5))) struct InMemoryContendedLogTests {
    @Test func aSingleWriterFindsALogLikeAnyOther() async throws {
        try await EventLogConformance(
            make: { InMemoryContendedLog() },
            reopen: { log in
                (log as? InMemoryContendedLog)?.close()
                return log
            }
        ).run()
    }

    @Test func theLogConformsForSeveralWriters() async throws {
        try await ContendedLogConformance(make: {
            let log = InMemoryContendedLog()
            return (log, log.anotherWriter())
        }).run()
    }

    /// A log that takes the events of a thread whether they follow or not.
    private final class CarelessLog: ContendedLog, ForwardingLog {
        let log: InMemoryContendedLog

        init(_ log: InMemoryContendedLog) { self.log = log }

        func appendByThread(_ commit: LogCommit) async throws(EventLogError) -> ContendedCommit {
            let answer = try await log.appendByThread(commit)
            for thread in answer.refusedThreads {
                var head = try await log.thread(thread)?.head.sequence ?? 0
                let user = try await log.thread(thread)?.user
                for var entry in commit.entries where entry.owner.thread == thread {
                    head += 1
                    entry.id = EventID(generation: entry.id.generation, sequence: head)
                    if let user { entry.owner = ThreadOwner(thread: thread, user: user) }
                    try await log.append(LogCommit(entries: [entry], time: commit.time))
                }
            }
            return ContendedCommit()
        }

        /// And tells nobody.
        func advancedThreads() async -> [AdvancedThread]? { nil }

    }

    @Test func theSuiteFindsALogThatRefusesNobodyAndTellsNothing() async throws {
        let suite = ContendedLogConformance(make: {
            let log = InMemoryContendedLog()
            return (CarelessLog(log), CarelessLog(log.anotherWriter()))
        })
        await withKnownIssue { try await suite.refusesThreadByThread() }
        await withKnownIssue { try await suite.refusesTheThreadOfSomebodyElse() }
        await withKnownIssue { try await suite.tellsOfOthers() }
    }

    @Test func aWriterThatClosesTheLogIsToldOfNothingAnyLonger() async throws {
        let log = InMemoryContendedLog()
        #expect(await log.advancedThreads() == nil, "it is not open")
        _ = try await log.open()
        async let told = log.advancedThreads()
        log.close()
        #expect(await told == nil)
    }
}
