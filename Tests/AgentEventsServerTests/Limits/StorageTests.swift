import AgentEvents
import AgentEventsHub
import AgentEventsTestSupport
import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEventsServer

/// SEC-65: what there is no room for is refused, runs end, and reads go on.
@Suite("SEC-65: room for events", .timeLimit(.minutes(10))) struct StorageTests {
    private static let admin = ["Authorization": "Bearer u_1/read/emit/open/share"]
    private static let other = ["Authorization": "Bearer u_2/read/emit/open/share"]

    private static func event(_ size: Int) -> String {
        #"{"type":"custom","data":{"name":"filler","value":"\#(String(repeating: "x", count: size))"}}"#
    }

    private static func emit(
        _ service: RunningService, _ body: String, thread: String = "t_1", as headers: [String: String] = admin
    ) async throws -> String {
        let answer = try await service.client.post("/v1/threads/\(thread)/events", body, headers: headers)
        return "\(answer.status) \(try answer.errorCode ?? "-")"
    }

    private static let start = #"{"type":"agent_started","run_id":"r_1","agent":"guide","data":{}}"#
    private static let step = #"{"type":"agent_thinking","run_id":"r_1","data":{"thought_id":"th_1","text":"x"}}"#
    private static let end = #"{"type":"agent_completed","run_id":"r_1","data":{}}"#

    @Test func sec65AFullDiskIsReadAndRunsEnd() async throws {
        let log = TightLog(InMemoryEventLog(generations: .counting))
        var runtime = RuntimeConfiguration()
        runtime.minimumFreeByteCount = 1000
        try await withRunningService(
            log: log, authenticator: NamingAuthenticator(), runtime: runtime
        ) { (service: RunningService) async throws in
            #expect(try await Self.emit(service, Self.start) == "201 -")
            log.free.withLock { $0 = 999 }
            // It is looked at now and then.
            while try await Self.emit(service, Self.event(500_000), thread: "t_2") == "201 -" {
                try Task.checkCancellation()
            }
            #expect(try await Self.emit(service, Self.step) == "507 server.storage")
            #expect(try await Self.emit(service, Self.event(1), thread: "t_9", as: Self.other) == "507 server.storage")
            let page = try await service.client.get("/v1/threads/t_1/events", headers: Self.admin)
            #expect(page.status == 200)
            #expect(try page.json["events"]?.arrayValue?.count == 1)
            #expect(try await service.client.get("/v1/threads/t_1/state", headers: Self.admin).status == 200)
            #expect(try await service.client.get("/ready").status == 200)
            try await service.withWebSocket(headers: Self.admin) { socket in
                try await socket.send(#"{"op":"subscribe","req":1,"thread_id":"t_1","after":"start"}"#)
                _ = try await socket.messages(until: "live")
                try await socket.send(#"{"op":"emit","req":2,"thread_id":"t_1","events":[\#(Self.step)]}"#)
                let refused = try await socket.messages(until: "error").message
                #expect(refused["code"] == "server.storage" && refused["retryable"] == true)
                #expect(try await Self.emit(service, Self.end) == "201 -")
                #expect(try await socket.event().typeName == "agent_completed")
            }
            log.free.withLock { $0 = 1000 }
            while try await Self.emit(service, Self.event(1)) != "201 -" { try Task.checkCancellation() }
        }
    }

    /// Nothing is committed there, and yet it is found out that there is room.
    @Test func aServiceThatStartsOnAFullDiskWaitsForRoom() async throws {
        let log = TightLog(InMemoryEventLog(generations: .counting))
        log.free.withLock { $0 = 999 }
        var runtime = RuntimeConfiguration()
        runtime.minimumFreeByteCount = 1000
        try await withRunningService(
            log: log, authenticator: NamingAuthenticator(), runtime: runtime
        ) { (service: RunningService) async throws in
            #expect(try await Self.emit(service, Self.event(1)) == "507 server.storage")
            log.free.withLock { $0 = 1000 }
            while try await Self.emit(service, Self.event(1)) != "201 -" { try Task.checkCancellation() }
        }
    }

    /// What one user stores is let pass while limits are only tried out, and the room that the log itself needs is kept.
    @Test func aDryRunSparesUsersAndNotTheDisk() async throws {
        let log = TightLog(InMemoryEventLog(generations: .counting))
        var runtime = RuntimeConfiguration()
        runtime.minimumFreeByteCount = 1000
        try await withRunningService(
            log: log, authenticator: NamingAuthenticator(), runtime: runtime,
            configure: { $0.limits = Self.dryRun }
        ) { (service: RunningService) async throws in
            #expect(try await Self.emit(service, Self.event(1)) == "201 -")
            log.free.withLock { $0 = 999 }
            while try await Self.emit(service, Self.event(500_000), thread: "t_2") == "201 -" {
                try Task.checkCancellation()
            }
            #expect(try await Self.emit(service, Self.event(1)) == "507 server.storage")
        }
        runtime = RuntimeConfiguration()
        runtime.maximumStoredByteCountPerUser = 10_000
        try await withRunningService(
            authenticator: NamingAuthenticator(), runtime: runtime, configure: { $0.limits = Self.dryRun }
        ) { (service: RunningService) async throws in
            for _ in 0..<3 { #expect(try await Self.emit(service, Self.event(10_000)) == "201 -") }
        }
    }

    private static var dryRun: LimitConfiguration {
        var limits = LimitConfiguration.none
        limits.isDryRun = true
        return limits
    }

    @Test func oneUserFillsNothingForOthers() async throws {
        var runtime = RuntimeConfiguration()
        runtime.maximumStoredByteCountPerUser = 10_000
        try await withRunningService(
            authenticator: NamingAuthenticator(), runtime: runtime
        ) { (service: RunningService) async throws in
            #expect(try await Self.emit(service, Self.start) == "201 -")
            #expect(try await Self.emit(service, Self.event(10_000), thread: "t_2") == "201 -")
            #expect(try await Self.emit(service, Self.step) == "507 limits.storage")
            #expect(try await Self.emit(service, Self.event(1), thread: "t_3") == "507 limits.storage")
            #expect(try await Self.emit(service, Self.event(1), thread: "t_9", as: Self.other) == "201 -")
            #expect(try await Self.emit(service, Self.end) == "201 -")
            #expect(try await service.client.get("/v1/threads/t_1/events", headers: Self.admin).status == 200)
            let deleted = try await service.client.send("DELETE", "/v1/threads/t_2?wait", headers: Self.admin)
            #expect(deleted.status == 200)
            while try await Self.emit(service, Self.event(1)) != "201 -" { try Task.checkCancellation() }
        }
    }
}

/// A log on a disk of which the test says how much room it has.
private final class TightLog: RoomAwareLog, ForwardingLog {
    let free = Mutex<Int64>(.max)
    let log: InMemoryEventLog

    init(_ log: InMemoryEventLog) { self.log = log }

    var freeByteCount: Int64? { free.withLock { $0 } }

}
