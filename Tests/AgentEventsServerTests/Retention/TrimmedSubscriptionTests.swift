import AgentEvents
import AgentEventsFileLog
import AgentEventsHub
import AgentEventsServer
import AgentEventsTesting
import Foundation
import Synchronization
import Testing

/// Subscribers and retention, over real sockets: of what was trimmed a subscriber is told, and gets the state if it wants.
@Suite(.timeLimit(.minutes(10)))
struct TrimmedSubscriptionTests {
    enum LogKind: CaseIterable { case memory, files }

    /// How many hours the service is ahead of the time; a file is as old as its last write.
    private final class Hours: Sendable {
        private let hours = Atomic<Int64>(0)

        func set(_ count: Int64) { hours.store(count, ordering: .sequentiallyConsistent) }

        var clock: WallClock {
            WallClock {
                let hours = self.hours.load(ordering: .sequentiallyConsistent)
                return Timestamp(milliseconds: WallClock.system.now().milliseconds + hours * 3_600_000)
            }
        }
    }

    /// A service whose log keeps what is less than an hour old.
    private static func withService(
        _ kind: LogKind,
        _ body: (RunningService, Hours) async throws -> Void
    ) async throws {
        let hours = Hours()
        var configuration = RuntimeConfiguration()
        configuration.clock = hours.clock
        configuration.retention = RetentionPolicy(maximumAge: .seconds(3600))
        configuration.retentionInterval = .milliseconds(20)
        let folder = FileManager.default.temporaryDirectory.appending(path: "agent-events-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var files = FileEventLog.Configuration()
        files.generations = .counting
        let log: any EventLog =
            kind == .memory
            ? InMemoryEventLog(generations: .counting)
            : FileEventLog(path: folder.appending(path: "log").path, configuration: files)
        try await withRunningService(log: log, runtime: configuration) {
            $0.outboundWatermarkByteCount = 16 * 1024
        } _: {
            try await body($0, hours)
        }
        try await (log as? FileEventLog)?.close()
    }

    private static func emit(_ count: Int, of byteCount: Int = 10, _ service: RunningService) async throws {
        let context = try await service.runtime.context(user: "local", thread: "t_1")
        let text = String(repeating: "x", count: byteCount)
        for _ in 0..<count {
            _ = try await context.emit(
                EventDraft(.userMessage(UserMessage(messageID: "m", userID: "local", text: text))))
        }
        try await service.runtime.flush()
    }

    /// Lets everything so far get old, and waits until it is gone; what comes then is new.
    private static func trimAll(_ service: RunningService, _ hours: Hours) async throws {
        hours.set(2)
        let page = "/v1/threads/t_1/events?limit=1"
        while try await service.client.get(page).json["events"]?.arrayValue?.isEmpty == false {}
        hours.set(0)
    }

    /// What comes behind an answer, in words: `3` for an event with that number, or an op.
    private static func words(_ socket: RawWebSocket, count: Int) async throws -> [String] {
        var words: [String] = []
        while words.count < count {
            let message = try await socket.message()
            words.append(message["seq"]?.integerValue.map { "\($0)" } ?? message["op"]?.stringValue ?? "")
        }
        return words
    }

    @Test(arguments: LogKind.allCases)
    func aCursorThatWasTrimmedGetsAResetAndWhatIsKept(_ kind: LogKind) async throws {
        try await Self.withService(kind) { service, hours in
            try await Self.emit(20, service)
            try await Self.trimAll(service, hours)
            try await Self.emit(3, service)
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t_1","after":"1-5"}"#)
                let subscribed = try await socket.messages(until: "subscribed").message
                #expect(subscribed["after"] == .null && subscribed["head"] == "1-23")
                let reset = try await socket.message()
                #expect(reset["op"] == "reset" && reset["reason"] == "trimmed" && reset["oldest"] == "1-21")
                #expect(try await Self.words(socket, count: 4) == ["21", "22", "23", "live"])
                // It goes on as for everybody.
                try await Self.emit(1, service)
                #expect(try await Self.words(socket, count: 1) == ["24"])
            }
        }
    }

    /// An application may be slow to handle what it was given on an earlier connection.
    @Test(arguments: LogKind.allCases)
    func whatWasTrimmedMayStillBeAcknowledged(_ kind: LogKind) async throws {
        try await Self.withService(kind) { service, hours in
            try await Self.emit(20, service)
            try await Self.trimAll(service, hours)
            try await Self.emit(3, service)
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t_1","after":"1-5"}"#)
                _ = try await socket.messages(until: "live")
                for (cursor, answer) in [("1-7", "pong"), ("1-23", "pong"), ("2-7", "error"), ("1-24", "error")] {
                    try await socket.send(#"{"op":"ack","thread_id":"t_1","cursor":"\#(cursor)"}"#)
                    try await socket.send(#"{"op":"ping"}"#)
                    #expect(try await Self.words(socket, count: 1) == [answer], "\(cursor)")
                    if answer == "error" { #expect(try await Self.words(socket, count: 1) == ["pong"]) }
                }
            }
        }
    }

    @Test(arguments: LogKind.allCases)
    func aCursorThatWasTrimmedGetsTheStateIfItWants(_ kind: LogKind) async throws {
        try await Self.withService(kind) { service, hours in
            try await Self.emit(20, service)
            try await Self.trimAll(service, hours)
            try await Self.emit(3, service)
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t_1","after":"1-5","snapshot":true}"#)
                _ = try await socket.messages(until: "subscribed")
                #expect(try await socket.message()["reason"] == "trimmed")
                let snapshot = try await socket.message()
                #expect(snapshot["op"] == "snapshot" && snapshot["cursor"] == "1-23")
                // All of them, also those that nobody can read any longer.
                let state = try ThreadState(json: try #require(snapshot["state"]))
                #expect(state == (try await Self.state(of: service)))
                #expect(snapshot["state"]?["messages"]?.arrayValue?.count == 23)
                #expect(try await Self.words(socket, count: 1) == ["live"])
                try await Self.emit(1, service)
                #expect(try await Self.words(socket, count: 1) == ["24"])
            }
        }
    }

    private static func state(of service: RunningService) async throws -> ThreadState {
        let answer = try await service.client.get("/v1/threads/t_1/state").json
        return try ThreadState(json: try #require(answer["state"]))
    }

    /// A client that does not read is overtaken by the retention in the middle of its replay.
    @Test(arguments: LogKind.allCases, [false, true])
    func aReplayThatIsOvertakenGetsAReset(_ kind: LogKind, takesSnapshots: Bool) async throws {
        try await Self.withService(kind) { service, hours in
            try await Self.emit(400, of: 20_000, service)
            try await service.withWebSocket(receiveBufferByteCount: 4096) { socket in
                try await socket.send(
                    #"{"op":"subscribe","thread_id":"t_1","after":"start","snapshot":\#(takesSnapshots)}"#)
                _ = try await socket.messages(until: "subscribed")
                #expect(try await Self.words(socket, count: 1) == ["1"])
                try await Self.trimAll(service, hours)
                try await Self.emit(2, service)
                var next: Int64 = 2
                var resets = 0
                var message = try await socket.message()
                while message["op"] != "live" {
                    if let sequence = message["seq"]?.integerValue {
                        #expect(sequence == next)
                        next = sequence + 1
                    } else {
                        #expect(message["op"] == "reset" && message["reason"] == "trimmed")
                        resets += 1
                        // The log goes file by file. Whether more is to go yet, and whether the two that came after are there
                        // already, is chance.
                        let text = message["oldest"]?.stringValue
                        let oldest = try text.map { try #require(EventID($0)).sequence } ?? 401
                        #expect(oldest > UInt64(next) && oldest <= 401)
                        next = Int64(oldest)
                        if takesSnapshots {
                            let snapshot = try await socket.message()
                            #expect(snapshot["op"] == "snapshot")
                            let state = try ThreadState(json: try #require(snapshot["state"]))
                            let cursor = try #require(state.cursor)
                            #expect(snapshot["cursor"] == .string("\(cursor)") && (400...402).contains(cursor.sequence))
                            #expect(snapshot["state"]?["messages"]?.arrayValue?.isEmpty == false)
                            next = Int64(cursor.sequence) + 1
                        }
                    }
                    message = try await socket.message()
                }
                #expect(resets >= 1)
                try await Self.emit(1, service)
                #expect(try await Self.words(socket, count: Int(404 - next)) == (next...403).map { "\($0)" })
            }
        }
    }
}
