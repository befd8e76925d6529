import AgentEvents
import AgentEventsClient
import AgentEventsProtocol
import NIOCore
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10))) struct ThreadFollowerTests {
    private static let welcome =
        #"{"op":"welcome","connection_id":"c_1","heartbeat_ms":60000,"limits":{"max_message_bytes":1048576}}"#

    private static func event(_ sequence: Int, generation: Int = 3) -> String {
        #"{"type":"custom","id":"\#(generation)-\#(sequence)","seq":\#(sequence),"thread_id":"t_7","#
            + #""time":"2026-11-21T02:10:00.123Z","data":{"name":"n","value":\#(sequence)}}"#
    }

    private static func client(_ url: StreamURL) -> StreamClient {
        var configuration = ClientConfiguration()
        configuration.random = { 0 }
        // For what hangs, and not for what is slow.
        configuration.connectTimeout = .seconds(300)
        return StreamClient(url: url, token: "secret", configuration: configuration)
    }

    /// Greets, and reads what the client subscribes to.
    private static func greet(_ connection: ScriptedService.Connection) async throws -> String {
        try await connection.send(welcome)
        guard let message = try await connection.receiveMessage() else { throw CancellationError() }
        #expect(message["op"] == "subscribe")
        #expect(message["thread_id"] == "t_7")
        return message["after"]?.stringValue ?? "none"
    }

    private static func subscribed(after cursor: String?) -> String {
        let after = cursor.map { "\"\($0)\"" } ?? "null"
        return #"{"op":"subscribed","req":1,"thread_id":"t_7","after":\#(after),"head":null}"#
    }

    @Test func itGoesOnWhereItWasAcrossConnectionsThatEndInEveryWay() async throws {
        let asked = Mutex<[String]>([])
        try await ScriptedService.run { number, connection in
            let after = try await Self.greet(connection)
            asked.withLock { $0.append(after) }
            try await connection.send(Self.subscribed(after: after == "start" ? nil : after))
            switch number {
            case 0:
                // Cut without a close frame.
                for sequence in 1...3 { try await connection.send(Self.event(sequence)) }
            case 1:
                // What was seen comes again, and is not given again.
                for sequence in 2...5 { try await connection.send(Self.event(sequence)) }
                try await connection.close(1001)
                try await connection.hold()
            case 2:
                // An event is missing.
                try await connection.send(Self.event(6))
                try await connection.send(Self.event(8))
                try await connection.hold()
            case 3:
                try await connection.send("this is not JSON")
                try await connection.hold()
            default:
                for sequence in 7...9 { try await connection.send(Self.event(sequence)) }
                try await connection.hold()
            }
        } _: { url in
            var sequences: [UInt64] = []
            var interruptions = 0
            try await Self.client(url).withEvents(of: "t_7", from: .start) { events in
                for try await element in events {
                    switch element {
                    case .event(let event):
                        sequences.append(event.cursor.sequence)
                        #expect(event.bytes == Array(Self.event(Int(event.cursor.sequence)).utf8))
                    case .interrupted:
                        interruptions += 1
                    default:
                        break
                    }
                    if sequences.last == 9 { break }
                }
            }
            #expect(sequences == Array(1...9))
            #expect(interruptions == 4)
        }
        #expect(asked.withLock { $0 } == ["start", "3-3", "3-5", "3-6", "3-6"])
    }

    @Test(arguments: [true, false])
    func aResetIsToldAndBeginsAnewOnTheSameConnection(serviceGoesOn: Bool) async throws {
        try await ScriptedService.run { number, connection in
            #expect(number == 0)
            let after = try await Self.greet(connection)
            #expect(after == "2-9")
            try await connection.send(Self.subscribed(after: nil))
            try await connection.send(#"{"op":"reset","thread_id":"t_7","reason":"diverged","oldest":"3-1"}"#)
            // Whether the service takes the reset for the end of the subscription, or goes on: it begins anew.
            if serviceGoesOn { try await connection.send(Self.event(1)) }
            let unsubscribe = try await connection.receiveMessage()
            #expect(unsubscribe?["op"] == "unsubscribe")
            let answer: JSONValue =
                serviceGoesOn
                ? ["op": "unsubscribed", "thread_id": "t_7"]
                : ["op": "error", "code": "subscription.unknown", "message": "no", "retryable": false]
            try await connection.send(answer, request: unsubscribe?["req"])
            let subscribe = try await connection.receiveMessage()
            #expect(subscribe?["after"] == "start")
            try await connection.send(Self.subscribed(after: nil))
            try await connection.send(Self.event(1))
            try await connection.hold()
        } _: { url in
            var seen: [String] = []
            let cursor = Cursor(generation: 2, sequence: 9)
            try await Self.client(url).withEvents(of: "t_7", from: .after(cursor)) { events in
                for try await element in events {
                    switch element {
                    case .reset(let reason): seen.append("reset \(reason)")
                    case .event(let event): seen.append("event \(event.cursor)")
                    case .live, .interrupted: seen.append("?")
                    }
                    if seen.count == 2 { break }
                }
            }
            #expect(seen == ["reset diverged", "event 3-1"])
        }
    }

    @Test(arguments: [400, 401, 403, 404])
    func aDeclinedUpgradeIsATypedError(status: Int) async throws {
        try await ScriptedService.run(
            answer: { _ in
                .decline(
                    status: status,
                    body: #"{"error":{"code":"auth.refused","message":"not you","retryable":false}}"#)
            },
            script: { _, _ in }
        ) { url in
            let error = await #expect(throws: AgentEventsClientError.self) {
                try await Self.client(url).withEvents(of: "t_7") { events in
                    for try await _ in events { Issue.record("an element from a service that declines") }
                }
            }
            #expect(error?.status == status)
            #expect(error?.refusal?.code.rawValue == "auth.refused")
            #expect(error?.message == "not you")
        }
    }

    @Test func aServiceThatIsOverloadedIsAskedAgain() async throws {
        try await ScriptedService.run(
            answer: { number in number == 0 ? .decline(status: 503, body: "later") : .accept }
        ) { _, connection in
            _ = try await Self.greet(connection)
            try await connection.send(Self.subscribed(after: nil))
            try await connection.send(Self.event(1))
            try await connection.hold()
        } _: { url in
            var seen: [String] = []
            try await Self.client(url).withEvents(of: "t_7", from: .start) { events in
                for try await element in events {
                    switch element {
                    case .interrupted(let error, _): seen.append("\(error.code) \(error.status ?? 0)")
                    case .event(let event): seen.append("\(event.cursor)")
                    default: break
                    }
                    if seen.count == 2 { break }
                }
            }
            #expect(seen == ["client.declined 503", "3-1"])
        }
    }

    @Test(arguments: ["thread.forbidden", "cursor.invalid"])
    func aRefusedSubscriptionIsATypedError(code: String) async throws {
        try await ScriptedService.run { _, connection in
            _ = try await Self.greet(connection)
            try await connection.send(#"{"op":"error","req":1,"code":"\#(code)","message":"no","retryable":false}"#)
            try await connection.hold()
        } _: { url in
            let error = await #expect(throws: AgentEventsClientError.self) {
                try await Self.client(url).withEvents(of: "t_7") { events in
                    for try await _ in events { Issue.record("an element of a refused subscription") }
                }
            }
            #expect(error?.code.rawValue == code)
        }
    }

    @Test func nobodyAtTheAddressIsToldAndTriedAgain() async throws {
        try await SilentPort.with { url in
            try await Self.client(url).withEvents(of: "t_7") { events in
                var attempts = 0
                for try await element in events {
                    guard case .interrupted(let error, _) = element else { continue }
                    #expect(error.code == .unreachable)
                    attempts += 1
                    if attempts == 3 { break }
                }
            }
        }
    }

    @Test func cancellingTheReaderEndsTheConnection() async throws {
        let (ended, end) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        try await ScriptedService.run { _, connection in
            _ = try await Self.greet(connection)
            try await connection.send(Self.subscribed(after: nil))
            try await connection.send(Self.event(1))
            // Whether it ends well or with an error: the client has left.
            try? await connection.hold()
            end.yield()
        } _: { url in
            let (began, begin) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            let reader = Task {
                try await Self.client(url).withEvents(of: "t_7", from: .start) { events in
                    for try await element in events {
                        if case .event = element { begin.yield() }
                    }
                }
            }
            for await _ in began { break }
            reader.cancel()
            await #expect(throws: CancellationError.self) { try await reader.value }
            for await _ in ended { break }
        }
    }
}
