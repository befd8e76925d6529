import AgentEvents
import AgentEventsTestSupport
import AgentEventsTesting
import NIOPosix
import Synchronization
import Testing

@testable import AgentEventsHub

/// What a session tells its client when the log fails.
@Suite(.timeLimit(.minutes(10)))
struct LogFailureTests {
    private static func emission(_ request: Int, _ thread: ThreadID) -> String {
        let event = #"{"type":"custom","data":{"name":"n","value":1}}"#
        return #"{"op":"emit","req":\#(request),"thread_id":"\#(thread)","events":[\#(event)]}"#
    }

    /// They are accepted, and nothing comes back from a worker that would answer them: only the failure does. It is told
    /// before the service says that it stops.
    @Test func emissionsThatWaitForTheCommitAloneAreAnsweredWhenTheLogFails() async throws {
        let log = FailingLog(heldThread: "t_2")
        try await TransportStage.with(log: log) { stage in
            defer { log.letGo() }
            let ends = try await stage.adopt(on: stage.group.next())
            for request in 1...3 {
                try await ends.send(Self.emission(request, "t_1"))
                let position = UInt64(request)
                try await wait(for: "the emission") { stage.hub.runtime.offeredPosition >= position }
            }
            // The next one begins once these have come back from their worker, and does not come back.
            try await ends.send(Self.emission(4, "t_2"))
            await log.waitForLookUp()
            try await ends.onLoop { transport, _ in #expect(transport.operations == ["welcome"]) }
            log.fail()
            try await ends.wait { $0.operations.contains("drain") }
            try await ends.onLoop { transport, _ in
                #expect(transport.operations == ["welcome", "error", "error", "error", "drain"])
                #expect(transport.messages.compactMap { $0["req"]?.integerValue } == [1, 2, 3])
                #expect(transport.messages.count { $0["code"] == "log.failed" } == 3)
            }
        }
    }
}

/// A log whose appends wait until they fail, and that does not tell of one thread until it is let go.
private final class FailingLog: ForwardingLog {
    let log = InMemoryEventLog(generations: .counting)
    private let heldThread: ThreadID
    private let failure = Gate()
    private let lookUp = Gate()
    private let release = Gate()

    init(heldThread: ThreadID) { self.heldThread = heldThread }

    /// Returns when the thread is asked for.
    func waitForLookUp() async { await lookUp.wait() }

    func fail() { failure.open() }

    func letGo() {
        failure.open()
        release.open()
    }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        await failure.wait()
        throw EventLogError(.failed, "failed by the test")
    }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        guard thread == heldThread else { return try await log.thread(thread) }
        lookUp.open()
        await release.wait()
        return try await log.thread(thread)
    }

}
