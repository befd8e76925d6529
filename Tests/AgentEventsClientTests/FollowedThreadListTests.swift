import AgentEvents
import AgentEventsClient
import AgentEventsProtocol
import NIOCore
import NIOWebSocket
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10))) struct FollowedThreadListTests {
    private static let welcome = #"{"op":"welcome","connection_id":"c","heartbeat_ms":60000,"limits":{}}"#

    private static func card(_ thread: String, _ second: Int, _ more: String = "") -> String {
        #"{"thread_id":"\#(thread)","updated_at":"2026-11-21T02:10:0\#(second).000Z","head":"3-\#(second)","#
            + #""status":"idle"\#(more)}"#
    }

    private struct Enough: Error {}

    /// Each list is whole and in order; a lost connection begins with the whole list again.
    @Test func aListIsFollowedAcrossConnections() async throws {
        let lists = Mutex<[ThreadList]>([])
        try await ScriptedService.run { number, connection in
            try await connection.send(Self.welcome)
            guard let frame = try await connection.receive() else { return }
            #expect(
                String(buffer: frame.unmaskedData)
                    == #"{"op":"watch","req":1,"q":"a","status":"running","agent":"guide","limit":3}"#)
            try await connection.send(#"{"op":"watching","req":1}"#)
            if number == 0 {
                try await connection.send(
                    #"{"op":"threads","threads":[\#(Self.card("a", 1)),\#(Self.card("c", 2)),"#
                        + #"\#(Self.card("b", 2, #","title":"Hi","agents":["guide"],"runs":4,"later":1"#))],"gone":[],"#
                        + #""next":"1-a"}"#)
                try await connection.send(
                    #"{"op":"threads","threads":[\#(Self.card("a", 3))],"gone":["c"],"next":null}"#)
                return
            }
            try await connection.send(#"{"op":"threads","threads":[\#(Self.card("d", 4))],"gone":[],"next":null}"#)
            try await connection.hold()
        } _: { url in
            var configuration = ClientConfiguration()
            configuration.backoff.firstPause = .milliseconds(1)
            let client = StreamClient(url: url, configuration: configuration)
            await #expect(throws: Enough.self) {
                try await client.followThreads(
                    ThreadQuery(text: "a", status: .running, agent: "guide", maximumCount: 3)
                ) { list in
                    lists.withLock { $0.append(list) }
                    if list.threads.first?.thread == "d" { throw Enough() }
                }
            }
        }
        let found = lists.withLock { $0 }
        #expect(found.map { $0.threads.map(\.thread) } == [["c", "b", "a"], ["a", "b"], ["d"]])
        #expect(found.map(\.next) == ["1-a", nil, nil])
        let one = try #require(found.first?.threads.dropFirst().first)
        #expect(one.title == "Hi" && one.agents == ["guide"] && one.runCount == 4 && one.status == .idle)
        #expect(one.head == Cursor(generation: 3, sequence: 2) && one.user == nil && one.lastOutcome == nil)
    }

    @Test(arguments: [
        #"{"op":"error","req":1,"code":"threads.unlisted","message":"no","retryable":false,"retry_after_ms":null}"#,
        #"{"op":"unwatched","code":"threads.unlisted"}"#,
    ])
    func aRefusalIsThrown(_ answer: String) async throws {
        try await ScriptedService.run { _, connection in
            try await connection.send(Self.welcome)
            _ = try await connection.receive()
            try await connection.send(answer)
            try await connection.hold()
        } _: { url in
            let error = await #expect(throws: AgentEventsClientError.self) {
                try await StreamClient(url: url).followThreads { _ in }
            }
            #expect(error?.refusal?.code == .threadsUnlisted)
        }
    }
}
