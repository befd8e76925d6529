import AgentEvents
import AgentEventsHub
import AgentEventsServer
import Testing

/// A loop that has no room for commits: everything comes from the log, and in order.
@Suite(.timeLimit(.minutes(10)))
struct BusyLoopTests {
    @Test(arguments: [0, 2000, 4 * 1024 * 1024])
    func subscribersOfALoopWithoutRoomMissNothing(backlogByteCount: Int) async throws {
        let count = 400
        try await withRunningService {
            $0.eventLoopBacklogByteCount = backlogByteCount
            $0.pageByteCount = 1000
        } _: { service in
            try await service.withWebSocket { early in
                // The thread has no event yet.
                try await early.send(#"{"op":"subscribe","thread_id":"t"}"#)
                _ = try await early.messages(until: "live")
                let context = try await service.runtime.context(user: "local", thread: "t")
                for value in 1...count / 2 { _ = try await context.emit(Self.draft(value)) }
                try await service.withWebSocket { late in
                    try await late.send(#"{"op":"subscribe","thread_id":"t","after":"start"}"#)
                    for value in count / 2 + 1...count { _ = try await context.emit(Self.draft(value)) }
                    for socket in [early, late] {
                        var values: [Int64] = []
                        while values.count < count {
                            let message = try await socket.message()
                            if let value = message["data"]?["value"]?.integerValue { values.append(value) }
                        }
                        #expect(values == Array(1...Int64(count)))
                    }
                }
            }
        }
    }

    private static func draft(_ value: Int) -> EventDraft {
        EventDraft(.custom(CustomEvent(name: "n", value: .integer(Int64(value)))))
    }
}
