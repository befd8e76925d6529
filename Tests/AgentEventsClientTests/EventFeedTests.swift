import AgentEvents
import AgentEventsClient
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10))) struct EventFeedTests {
    private static let welcome = #"{"op":"welcome","connection_id":"c","heartbeat_ms":60000,"limits":{}}"#

    private static func configuration() -> EmitConfiguration {
        var configuration = EmitConfiguration(keyPrefix: "k")
        configuration.backoff.firstPause = .milliseconds(1)
        configuration.interruptedInputTimeout = .zero
        return configuration
    }

    private static func item(_ line: Int) -> EmitItem { EmitItem(line: line, thread: "t", bytes: Array("{}".utf8)) }

    /// Runs a feed, and returns what it reported.
    private static func run(
        _ feed: EventFeed,
        _ produce: @escaping @Sendable (EventFeed) async throws -> Void
    ) async throws -> [UInt64] {
        let reported = Mutex<[UInt64]>([])
        try await feed.run(producing: produce) { cursors in
            reported.withLock { $0 += cursors.map(\.sequence) }
        } noting: { _ in
        }
        return reported.withLock { $0 }
    }

    @Test func aConnectionThatEndsBeforeTheAnswerIsFollowedByAnotherOne() async throws {
        let keys = Mutex<[String]>([])
        let reported = try await ScriptedService.run { number, connection in
            try await connection.send(Self.welcome)
            while let message = try await connection.receiveMessage() {
                let key = message["key"]?.stringValue ?? ""
                keys.withLock { $0.append(key) }
                // The first is committed, and nobody is told.
                if number == 0 { return }
                let answer: JSONValue = ["op": "emitted", "thread_id": "t", "cursors": ["1-1"]]
                try await connection.send(answer, request: message["req"])
            }
        } _: { url in
            let feed = EventFeed(client: StreamClient(url: url), configuration: Self.configuration())
            return try await Self.run(feed) { try await $0.emit(Self.item(1)) }
        }
        #expect(keys.withLock { $0 } == ["k-1", "k-1"])
        #expect(reported == [1])
    }

    @Test func whatIsTakenIsCommittedBeforeAFaultOfTheInputIsThrown() async throws {
        struct Fault: Error {}
        let taken = Mutex(0)
        try await ScriptedService.run { _, connection in
            try await connection.send(Self.welcome)
            while let message = try await connection.receiveMessage() {
                let count = message["events"]?.arrayValue?.count ?? 0
                taken.withLock { $0 += count }
                let answer: JSONValue = [
                    "op": "emitted", "thread_id": "t", "cursors": .array((0..<count).map { .string("1-\($0 + 1)") }),
                ]
                try await connection.send(answer, request: message["req"])
            }
        } _: { url in
            let feed = EventFeed(client: StreamClient(url: url), configuration: Self.configuration())
            await #expect(throws: Fault.self) {
                _ = try await Self.run(feed) { feed in
                    for line in 1...3 { try await feed.emit(Self.item(line)) }
                    throw Fault()
                }
            }
            #expect(feed.progress.committedCount == 3)
        }
        #expect(taken.withLock { $0 } == 3)
    }

    @Test func anInterruptionEndsTheInput() async throws {
        try await ScriptedService.run { _, connection in
            try await connection.send(Self.welcome)
            try await connection.hold()
        } _: { url in
            let feed = EventFeed(client: StreamClient(url: url), configuration: Self.configuration())
            let reported = try await Self.run(feed) { feed in
                feed.interrupt()
                // Input that never comes.
                _ = await WakeSignal().wait()
                throw CancellationError()
            }
            #expect(reported.isEmpty)
            #expect(feed.isInterrupted)
        }
    }

    private final class Count: Sendable {
        private let count = Mutex(0)
        var value: Int { count.withLock { $0 } }
        func rise() { count.withLock { $0 += 1 } }
    }

    @Test func moreIsNotTakenThanMayWait() async throws {
        let offered = Count()
        try await ScriptedService.run { _, connection in
            try await connection.send(Self.welcome)
            // The request is never answered.
            _ = try await connection.receiveMessage()
            try await connection.hold()
        } _: { url in
            var configuration = Self.configuration()
            configuration.maximumBatchCount = 2
            configuration.giveUpTimeout = .zero
            let feed = EventFeed(client: StreamClient(url: url), configuration: configuration)
            await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [offered] in
                    _ = try await Self.run(feed) { feed in
                        for line in 1...1000 {
                            try await feed.emit(Self.item(line))
                            offered.rise()
                        }
                    }
                }
                // As much as a request and what waits for the next one.
                while offered.value < 3 { await Task.yield() }
                for _ in 0..<1000 { await Task.yield() }
                #expect(offered.value <= 4)
                group.cancelAll()
                guard case .failure(let error)? = await group.nextResult() else {
                    Issue.record("nothing is thrown")
                    return
                }
                #expect(error is CancellationError, "\(error)")
            }
        }
    }
}
