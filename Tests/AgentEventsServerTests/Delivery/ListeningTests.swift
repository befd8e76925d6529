import AgentEvents
import NIOWebSocket
import Testing

@testable import AgentEventsHub
@testable import AgentEventsServer

/// A loop that stops listening to a thread and begins again misses what is committed in between, and must not go on from
/// a commit of before.
struct ListeningTests {
    enum Step: Sendable {
        case listen, stop
        /// The next event of the thread is committed.
        case commit
        /// The loop does what was handed to it.
        case run
    }

    static let table: [(steps: [Step], head: UInt64)] = [
        ([.listen, .run], 0),
        ([.listen, .commit, .commit, .run], 2),
        ([.commit, .listen, .run], 0),
        ([.commit, .listen, .commit, .run], 2),
        ([.listen, .commit, .stop, .listen, .run], 0),
        ([.listen, .commit, .stop, .commit, .listen, .run], 0),
        ([.listen, .commit, .stop, .commit, .listen, .commit, .run], 3),
        ([.listen, .commit, .run, .stop, .commit, .listen, .run], 0),
        ([.listen, .commit, .stop, .run, .listen, .commit, .run], 2),
    ]

    @Test(arguments: table)
    func theHeadOfALoopIsWhatItSawSinceItListens(steps: [Step], head: UInt64) throws {
        let owner = ThreadOwner(thread: "t_1", user: "u_1")
        let stream = try EmbeddedStream(limits: StreamLimits())
        defer { stream.finish() }
        var committed: UInt64 = 0
        for step in steps {
            switch step {
            case .listen:
                try stream.listen(to: "t_1")
            case .stop:
                stream.stopListening()
            case .commit:
                committed += 1
                let id = EventID(generation: 1, sequence: committed)
                let entry = LogEntry(owner: owner, id: id, type: .custom, run: nil, bytes: Array("{}".utf8))
                stream.didCommit(LogCommit(entries: [entry], time: Timestamp(milliseconds: 0)), upTo: committed)
            case .run:
                stream.run()
            }
        }
        #expect(stream.head(of: "t_1") == head)
    }
}
