import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import AgentEventsTesting
import Testing

/// The real service and its clients, with a proxy between them that harms connections (I2).
@Suite(.timeLimit(.minutes(10))) struct FaultyConnectionTests {
    private static let eventCount = 300

    private static func emit(_ numbers: Range<Int>, to thread: ThreadID, of service: RunningService) async throws {
        let context = try await service.runtime.context(user: "local", thread: thread)
        for number in numbers {
            let value: JSONValue = ["n": .integer(number), "padding": .string(String(repeating: "x", count: 100))]
            try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: value))))
        }
        try await service.runtime.flush()
    }

    /// A client that connects again at once.
    private static func client(_ proxy: FaultProxy) -> StreamClient {
        var configuration = ClientConfiguration()
        configuration.random = { 0 }
        configuration.heartbeatTolerance = .milliseconds(200)
        return StreamClient(url: StreamURL(host: "127.0.0.1", port: proxy.port), configuration: configuration)
    }

    /// The bytes of so many events, as the client gives them.
    private static func follow(_ follower: ThreadFollower, count: Int) async throws -> [[UInt8]] {
        var seen: [[UInt8]] = []
        for try await element in follower {
            switch element {
            case .event(let event): seen.append(event.bytes)
            case .reset(let reason): Issue.record("reset: \(reason)")
            case .live, .interrupted: break
            }
            if seen.count == count { break }
        }
        return seen
    }

    // MARK: The Swift client

    /// Cuts in either direction, refusals and slices, while events are emitted: every event comes once, in order, as the
    /// log has it.
    @Test(arguments: UInt64(0)..<6)
    func theClientSeesEveryEventOnceWhateverIsCut(seed: UInt64) async throws {
        let plan = SocketFaultPlan(seed: seed)
            .on(1, .cut(.reset, after: 0...20_000, .toClient))
            .rate(0.7, .cut(.reset, after: 0...20_000, .toClient))
            .rate(0.3, .cut(.close, after: 0...20_000, .toClient))
            .rate(0.2, .cut(.reset, after: 0...700, .toService))
            .rate(0.1, .refuse)
            .rate(0.3, .slice(7))
            .rate(0.3, .delay(.uniform(.zero ... .milliseconds(1))))
        try await withRunningService { service in
            try await withFaultProxy(to: service.client.port, plan: plan) { proxy in
                let client = Self.client(proxy)
                try await Self.emit(0..<Self.eventCount / 2, to: "t_1", of: service)
                let seen = try await client.withStream { stream in
                    try await stream.withEvents(of: "t_1", from: .start) { follower in
                        async let emitted: Void = Self.emit(
                            Self.eventCount / 2..<Self.eventCount, to: "t_1", of: service)
                        let seen = try await Self.follow(follower, count: Self.eventCount)
                        try await emitted
                        return seen
                    }
                }
                let logged = try await service.runtime.log.read(LogRead(.thread("t_1", after: 0))).events
                #expect(seen == logged.map(\.bytes), "\(plan)")
                #expect(logged.count == Self.eventCount)
                #expect(proxy.connectionCount > 1, "\(plan): \(proxy.injected)")
            }
        }
    }

    /// A cut behind every so many bytes of the first connection, from the upgrade's answer to the last event.
    @Test func aCutBehindAnyByteLosesNothing() async throws {
        let count = 4
        try await withRunningService { service in
            try await Self.emit(0..<count, to: "t_1", of: service)
            let logged = try await service.runtime.log.read(LogRead(.thread("t_1", after: 0))).events.map(\.bytes)
            for position in stride(from: 0, to: 1600, by: 37) {
                let plan = SocketFaultPlan(seed: 1).on(1, .cut(.reset, afterBytes: position))
                try await withFaultProxy(to: service.client.port, plan: plan) { proxy in
                    let client = Self.client(proxy)
                    let seen = try await client.withStream { stream in
                        try await stream.withEvents(of: "t_1", from: .start) {
                            try await Self.follow($0, count: count)
                        }
                    }
                    #expect(seen == logged, "cut at \(position)")
                    #expect(proxy.connectionCount >= 1)
                }
            }
        }
    }

    // MARK: The service

    @Test func aReaderWithAWindowOfZeroHoldsUpNobodyAndMissesNothing() async throws {
        let plan = SocketFaultPlan(seed: 1).on(1, .stopReading(after: 2000, .toClient))
        try await withRunningService { service in
            try await withFaultProxy(to: service.client.port, plan: plan) { proxy in
                let stalled = RunningService(
                    runtime: service.runtime, client: RawHTTPClient(port: proxy.port), shutDown: service.shutDown)
                try await stalled.withWebSocket { slow in
                    try await slow.send(#"{"op":"subscribe","thread_id":"t_1","after":"start"}"#)
                    _ = try await slow.messages(until: "live")
                    try await service.withWebSocket { fast in
                        try await fast.send(#"{"op":"subscribe","thread_id":"t_1","after":"start"}"#)
                        _ = try await fast.messages(until: "live")
                        try await Self.emit(0..<Self.eventCount, to: "t_1", of: service)
                        try await proxy.waitForFaults()
                        // Nothing more passes to the slow one, and the fast one has everything.
                        for number in 1...Self.eventCount {
                            #expect(try await fast.event().sequence == UInt64(number))
                        }
                        #expect(proxy.passedByteCount(.toClient) <= 2000)
                    }
                    proxy.release()
                    for number in 1...Self.eventCount {
                        #expect(try await slow.event().sequence == UInt64(number))
                    }
                }
            }
        }
    }

    /// Neither side is told: the service misses the client, and the client the service.
    @Test func aHalfOpenConnectionIsNoticedByBothSides() async throws {
        try await withRunningService {
            $0.heartbeatInterval = .milliseconds(300)
        } _: { service in
            try await Self.emit(0..<1, to: "t_1", of: service)
            try await withFaultProxy(to: service.client.port) { proxy in
                let client = Self.client(proxy)
                let seen = try await client.withStream { stream in
                    try await stream.withEvents(of: "t_1", from: .start) { follower in
                        let first = try await Self.follow(follower, count: 1)
                        proxy.disconnect(.halfOpen)
                        try await Self.emit(1..<2, to: "t_1", of: service)
                        let second = try await Self.follow(follower, count: 1)
                        // The new connection is there, and the old one is dropped.
                        try await service.waitForSubscribers(of: "t_1") { $0.count == 1 }
                        return first + second
                    }
                }
                let logged = try await service.runtime.log.read(LogRead(.thread("t_1", after: 0))).events
                #expect(seen == logged.map(\.bytes))
                // Heartbeats that come late on a busy machine may cost a connection more.
                #expect(proxy.connectionCount >= 2)
            }
        }
    }
}
