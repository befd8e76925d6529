import AgentEvents
import AgentEventsTestSupport
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
private struct DeafLog: ContendedLog, ForwardingLog {
    let log: InMemoryContendedLog

    init(_ log: InMemoryContendedLog) { self.log = log }

    func advancedThreads() async -> [AdvancedThread]? { nil }

    func appendByThread(_ commit: LogCommit) async throws(EventLogError) -> ContendedCommit {
        try await log.appendByThread(commit)
    }
}
