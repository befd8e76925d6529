import AgentEvents
import AgentEventsClient
import AgentEventsProtocol
import AgentEventsTesting
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10))) struct EventStreamTests {
    private struct Stop: Error {}

    private static func client(
        _ url: StreamURL,
        clock: (any Clock<Duration>)? = nil,
        inboxEventCount: Int = 1024
    ) -> StreamClient {
        var configuration = ClientConfiguration()
        configuration.random = { 0 }
        // For what hangs, and not for what is slow.
        (configuration.connectTimeout, configuration.closeTimeout) = (.seconds(300), .seconds(60))
        configuration.inbox.eventCount = inboxEventCount
        if let clock { configuration.clock = clock }
        return StreamClient(url: url, configuration: configuration)
    }

    private static func cursor(_ sequence: UInt64) -> Cursor { Cursor(generation: 1, sequence: sequence) }

    /// The numbers of the next events of a thread.
    private static func sequences(_ events: ThreadFollower, count: Int) async throws -> [UInt64] {
        var seen: [UInt64] = []
        for try await element in events {
            if case .event(let event) = element { seen.append(event.cursor.sequence) }
            if seen.count == count { break }
        }
        return seen
    }

    // MARK: Many threads

    /// The welcome, two answers, twelve events and two `live`; with all of them the cut comes after the last.
    @Test(arguments: 0...17)
    func aCutBehindAnyMessageLosesNothingOfAnyThread(cutAfter: Int) async throws {
        let service = HistoryService(["t_1": 6, "t_2": 6])
        try await ScriptedService.run { number, connection in
            try await service.play(connection, cutAfter: number == 0 ? cutAfter : nil)
        } _: { url in
            try await Self.client(url).withStream { stream in
                async let first = stream.withEvents(of: "t_1", from: .start) {
                    try await Self.sequences($0, count: 6)
                }
                async let second = stream.withEvents(of: "t_2", from: .start) {
                    try await Self.sequences($0, count: 6)
                }
                let seen = try await [first, second]
                #expect(seen == [Array(1...6), Array(1...6)])
            }
        }
        #expect(service.faults == [])
    }

    @Test func aSlowReaderHoldsUpNobodyAndMissesNothing() async throws {
        let service = HistoryService(["t_slow": 500, "t_fast": 2000], paddingByteCount: 1000)
        let slowCount = 500
        try await ScriptedService.run { _, connection in
            try await service.play(connection)
        } _: { url in
            try await Self.client(url, inboxEventCount: 64).withStream { stream in
                try await stream.withEvents(of: "t_slow", from: .start) { slow in
                    // Nobody reads the slow thread, and the fast one comes through all the same.
                    let fast = try await stream.withEvents(of: "t_fast", from: .start) {
                        try await Self.sequences($0, count: 2000)
                    }
                    #expect(fast == Array(1...2000))
                    // The service may still be about to read the last of it.
                    try await service.wait { $0 == .unsubscribe("t_slow") }
                    let asked = service.requests.filter { $0.isAbout("t_slow") }.map(\.operation)
                    #expect(
                        asked == [
                            .subscribe(SubscribeRequest(thread: "t_slow", start: .start, merges: false)),
                            .unsubscribe("t_slow"),
                        ])
                    let seen = try await Self.sequences(slow, count: slowCount)
                    #expect(seen == Array(1...UInt64(slowCount)))
                }
            }
        }
        #expect(service.faults == [])
        // It was taken up behind what was held.
        let starts = service.requests.compactMap { request -> StartPosition? in
            guard case .subscribe(let subscribe) = request.operation, subscribe.thread == "t_slow" else { return nil }
            return subscribe.start
        }
        #expect(starts.prefix(2) == [.start, .after(Self.cursor(64))])
    }

    /// The clock stands still but for once: from then on the reader is waited for however long it takes.
    @Test(.timeLimit(.minutes(4)))
    func aReaderThatWasTooSlowOnceIsWaitedForTheNextTime() async throws {
        let service = HistoryService(["t_1": 12])
        let clock = ManualClock()
        let patience = Duration.seconds(0.05)
        try await ScriptedService.run { _, connection in
            try await service.play(connection)
        } _: { url in
            try await Self.client(url, clock: clock, inboxEventCount: 4).withStream { stream in
                try await stream.withEvents(of: "t_1", from: .start) { events in
                    try await clock.waitForSleep(of: patience)
                    clock.advance(by: patience)
                    try await service.wait { $0 == .unsubscribe("t_1") }
                    var seen = try await Self.sequences(events, count: 4)
                    try await clock.waitForSleep(of: patience)
                    // Nothing but the room that it makes brings the reader of the connection on.
                    seen += try await Self.sequences(events, count: 8)
                    #expect(seen == Array(1...12))
                }
            }
        }
        #expect(service.faults == [])
        let starts = service.requests.compactMap { request -> StartPosition? in
            guard case .subscribe(let subscribe) = request.operation, subscribe.thread == "t_1" else { return nil }
            return subscribe.start
        }
        #expect(starts == [.start, .after(Self.cursor(4))])
    }

    @Test func aThreadHasOneReaderAtATime() async throws {
        let service = HistoryService(["t_1": 1])
        try await ScriptedService.run { _, connection in
            try await service.play(connection)
        } _: { url in
            try await Self.client(url).withStream { stream in
                try await stream.withEvents(of: "t_1", from: .start) { _ in
                    let error = await #expect(throws: AgentEventsClientError.self) {
                        try await stream.withEvents(of: "t_1") { _ in }
                    }
                    #expect(error?.code == .alreadyFollowing)
                }
                for _ in 0..<5 {
                    let seen = try await stream.withEvents(of: "t_1", from: .start) {
                        try await Self.sequences($0, count: 1)
                    }
                    #expect(seen == [1])
                }
            }
        }
        #expect(service.faults == [])
    }

    // MARK: Acknowledgements

    @Test func whatWasHandledIsAcknowledgedInTheEndAndWhatFailedIsNot() async throws {
        let service = HistoryService(["t_1": 6])
        try await ScriptedService.run { _, connection in
            try await service.play(connection)
        } _: { url in
            // Its time stands still: nothing is sent before the end.
            let client = Self.client(url, clock: ManualClock())
            await #expect(throws: Stop.self) {
                try await client.withStream { stream in
                    try await stream.consume("t_1", consumer: "tab-1") { event in
                        #expect(!service.hasAcknowledgement)
                        if event.cursor.sequence == 4 { throw Stop() }
                    }
                }
            }
            // What the client sent before it left may still be on its way.
            try await service.waitForAcknowledgement()
        }
        let requests = service.requests.map(\.operation)
        #expect(
            requests.prefix(2) == [
                .subscribe(SubscribeRequest(thread: "t_1", consumer: "tab-1", merges: false)),
                .acknowledge("t_1", cursor: Self.cursor(3)),
            ])
        #expect(service.faults == [])
    }

    @Test func acknowledgementsAreCollectedForAWhile() async throws {
        let service = HistoryService(["t_1": 5])
        let clock = ManualClock()
        try await ScriptedService.run { _, connection in
            try await service.play(connection)
        } _: { url in
            try await Self.client(url, clock: clock).withStream { stream in
                try await stream.withEvents(of: "t_1", from: .start, consumer: "tab-1") { events in
                    for try await element in events {
                        guard case .event(let event) = element else { continue }
                        try events.acknowledge(event.cursor)
                        if event.cursor.sequence == 5 { break }
                    }
                    let error = #expect(throws: AgentEventsClientError.self) {
                        try events.acknowledge(Self.cursor(6))
                    }
                    #expect(error?.code == .cursorNotDelivered)
                    try await clock.waitForSleep(of: .seconds(0.2))
                    #expect(!service.hasAcknowledgement)
                    clock.advance(by: .seconds(0.2))
                    try await service.waitForAcknowledgement()
                }
            }
        }
        let acknowledged = service.requests.filter(\.isAcknowledgement).map(\.operation)
        #expect(acknowledged == [.acknowledge("t_1", cursor: Self.cursor(5))])
    }

    @Test func aConsumerIsToldOfAReset() async throws {
        try await ScriptedService.run { _, connection in
            try await connection.send(#"{"op":"welcome","heartbeat_ms":60000}"#)
            let subscribe = try await connection.receiveMessage()
            #expect(subscribe?["after"] == nil)
            #expect(subscribe?["consumer"] == "tab-1")
            try await connection.send(#"{"op":"subscribed","thread_id":"t_1","after":"1-5","head":"1-9"}"#)
            try await connection.send(#"{"op":"reset","thread_id":"t_1","reason":"trimmed","oldest":"1-8"}"#)
            try await connection.hold()
        } _: { url in
            let error = await #expect(throws: AgentEventsClientError.self) {
                try await Self.client(url).withStream { stream in
                    try await stream.consume("t_1", consumer: "tab-1") { _ in Issue.record("an event") }
                }
            }
            #expect(error?.code == .reset)
            #expect(error?.resetReason == .trimmed)
        }
    }

    // MARK: Ends

    /// It says so with a message, with the reason of its close, or with both: then the last word counts.
    @Test(
        arguments: [(12_000, ""), (nil, "reconnect_after_ms=12000"), (7000, "reconnect_after_ms=12000")]
            as [(Int?, String)])
    func aServiceThatStopsIsLeftAloneForAsLongAsItSays(_ announced: Int?, _ reason: String) async throws {
        let service = HistoryService(["t_1": 2])
        let clock = ManualClock()
        let connections = Atomic(0)
        try await ScriptedService.run { number, connection in
            connections.add(1, ordering: .relaxed)
            guard number == 0 else { return try await service.play(connection) }
            try await connection.send(#"{"op":"welcome","heartbeat_ms":60000}"#)
            if let announced { try await connection.send(#"{"op":"drain","reconnect_in_ms":\#(announced)}"#) }
            try await connection.close(1001, reason: reason)
            try await connection.hold()
        } _: { url in
            try await Self.client(url, clock: clock).withStream { stream in
                var states = stream.states.makeAsyncIterator()
                while let state = await states.next() {
                    guard case .waiting(let pause, let error) = state else { continue }
                    #expect(pause == .seconds(12))
                    #expect(error.closeCode == 1001)
                    break
                }
                try await clock.waitForSleep(of: .seconds(12))
                clock.advance(by: .seconds(11.5))
                try await clock.waitForSleep(of: .seconds(0.5))
                #expect(connections.load(ordering: .relaxed) == 1)
                clock.advance(by: .seconds(0.5))
                let seen = try await stream.withEvents(of: "t_1", from: .start) {
                    try await Self.sequences($0, count: 2)
                }
                #expect(seen == [1, 2])
            }
        }
    }

    @Test(arguments: [4401, 4403, 4400])
    func aRefusalOfTheConnectionEndsEverySequenceAndTheState(code: Int) async throws {
        try await ScriptedService.run { _, connection in
            try await connection.send(#"{"op":"welcome","heartbeat_ms":60000}"#)
            for _ in 0..<2 { _ = try await connection.receiveMessage() }
            try await connection.close(code)
            try await connection.hold()
        } _: { url in
            try await Self.client(url).withStream { stream in
                await withTaskGroup(of: Int?.self) { group in
                    for thread in ["t_1", "t_2"] as [ThreadID] {
                        group.addTask {
                            let error = await #expect(throws: AgentEventsClientError.self) {
                                try await stream.withEvents(of: thread) { _ = try await Self.sequences($0, count: 1) }
                            }
                            return error?.closeCode
                        }
                    }
                    for await closeCode in group { #expect(closeCode == code) }
                }
                guard case .refused(let error) = stream.state else {
                    Issue.record("\(stream.state)")
                    return
                }
                #expect(error.closeCode == code)
                // Whoever comes later is told too.
                await #expect(throws: AgentEventsClientError.self) {
                    try await stream.withEvents(of: "t_3") { _ = try await Self.sequences($0, count: 1) }
                }
            }
        }
    }

    @Test(arguments: [nil, "agent-events.v2"])
    func aServiceThatSpeaksAnotherProtocolIsLeftForGood(subprotocol: String?) async throws {
        try await ScriptedService.run(subprotocol: subprotocol) { number, connection in
            #expect(number == 0)
            try await connection.hold()
        } _: { url in
            let error = await #expect(throws: AgentEventsClientError.self) {
                try await Self.client(url).withEvents(of: "t_1") { _ = try await Self.sequences($0, count: 1) }
            }
            #expect(error?.code == .protocolViolation)
            #expect(error?.isRetryable == false)
        }
    }

    @Test func aThreadThatIsRefusedLeavesTheOthersAlone() async throws {
        try await ScriptedService.run { number, connection in
            #expect(number == 0)
            try await connection.send(#"{"op":"welcome","heartbeat_ms":60000}"#)
            while let message = try await connection.receiveMessage() {
                if message["thread_id"] == "t_1" {
                    try await connection.send(
                        [
                            "op": "error", "code": "thread.forbidden", "message": "no", "retryable": false,
                            "thread_id": "t_1",
                        ], request: message["req"])
                } else {
                    try await connection.send(#"{"op":"subscribed","thread_id":"t_2","after":null,"head":null}"#)
                    try await connection.send(#"{"op":"live","thread_id":"t_2","cursor":null}"#)
                }
            }
        } _: { url in
            try await Self.client(url).withStream { stream in
                let error = await #expect(throws: AgentEventsClientError.self) {
                    try await stream.withEvents(of: "t_1") { _ = try await Self.sequences($0, count: 1) }
                }
                #expect(error?.code == .threadForbidden)
                try await stream.withEvents(of: "t_2") { events in
                    var iterator = events.makeAsyncIterator()
                    guard case .live? = try await iterator.next() else {
                        Issue.record("not live")
                        return
                    }
                }
            }
        }
    }

    @Test func aSilentServiceIsLeft() async throws {
        let service = HistoryService(["t_1": 1])
        try await ScriptedService.run { number, connection in
            guard number == 0 else { return try await service.play(connection) }
            // Promises to be heard every millisecond, and is not.
            try await connection.send(#"{"op":"welcome","heartbeat_ms":1}"#)
            try await connection.hold()
        } _: { url in
            var client = Self.client(url)
            var configuration = client.configuration
            configuration.heartbeatTolerance = .milliseconds(50)
            client = StreamClient(url: url, configuration: configuration)
            try await client.withEvents(of: "t_1", from: .start) { events in
                var iterator = events.makeAsyncIterator()
                guard case .interrupted(let error, _)? = try await iterator.next() else {
                    Issue.record("not interrupted")
                    return
                }
                #expect(error.code == .silent)
                guard case .event? = try await iterator.next() else {
                    Issue.record("no event after that")
                    return
                }
            }
        }
    }

    @Test func theStateIsToldAndEndsWithTheStream() async throws {
        let service = HistoryService(["t_1": 1])
        try await ScriptedService.run { _, connection in
            try await service.play(connection)
        } _: { url in
            let states = try await Self.client(url).withStream { stream in
                for await state in stream.states {
                    if case .live = state { break }
                }
                guard case .live = stream.state else {
                    Issue.record("\(stream.state)")
                    return stream.states
                }
                return stream.states
            }
            var count = 0
            for await _ in states { count += 1 }
            #expect(count == 1)
        }
    }
}
