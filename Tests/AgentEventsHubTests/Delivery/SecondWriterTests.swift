import AgentEvents
import AgentEventsTesting
import NIOPosix
import Testing

@testable import AgentEventsHub

/// What readers get of a log that another process writes too.
@Suite(.timeLimit(.minutes(10)))
struct SecondWriterTests {
    /// What the other one has appended reaches the loop in no commit: it comes from the log, and before what follows it.
    @Test(arguments: [1, 5])
    func theEventsOfAnotherWriterComeBeforeTheCommitThatFollowsThem(ofOthers count: Int) async throws {
        let log = InMemoryContendedLog()
        // Nobody is told of the others in time: their events are noticed by the gap that they leave.
        try await TransportStage.with(log: DeafLog(log)) { stage in
            try await withAgentRuntime(log: log.anotherWriter()) { other in
                try await stage.log(1)
                let ends = try await stage.adopt(on: stage.group.next())
                try await ends.send(#"{"op":"subscribe","thread_id":"t_1","after":"start"}"#)
                try await ends.wait { $0.operations.last == "live" }
                let theirs = try await other.context(user: "u_1", thread: "t_1")
                for round in 1...3 {
                    for _ in 0..<count { try await theirs.emit(EventDraft(.custom(CustomEvent(name: "n", value: 1)))) }
                    try await stage.log(1)
                    let last = Int64(1 + round * (count + 1))
                    try await ends.wait { $0.sequences.last == last }
                    try await ends.onLoop { transport, _ in #expect(transport.sequences == Array(1...last)) }
                }
            }
        }
    }
}

/// A log that tells late of what other writers have committed: never.
private struct DeafLog: ContendedLog {
    private let log: InMemoryContendedLog

    init(_ log: InMemoryContendedLog) { self.log = log }

    func advancedThreads() async -> [AdvancedThread]? { nil }

    func open() async throws(EventLogError) -> LogOpening { try await log.open() }
    func append(_ commit: LogCommit) async throws(EventLogError) { try await log.append(commit) }
    func appendByThread(_ commit: LogCommit) async throws(EventLogError) -> ContendedCommit {
        try await log.appendByThread(commit)
    }
    func read(_ request: LogRead) async throws(EventLogError) -> LogPage { try await log.read(request) }
    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { try await log.thread(thread) }
    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await log.startedRuns(among: runs, in: thread)
    }
    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await log.recall(key, in: thread)
    }
}
