import AgentEvents
import AgentEventsFileLog
import AgentEventsHub
import AgentEventsTestSupport
import AgentEventsTesting
import Foundation
import Synchronization
import Testing

@testable import AgentEventsServer

/// `DELETE /v1/threads/{t}`, `GET /v1/threads/{t}/deletion` and `DELETE /v1/users/{u}` (SEC-74).
@Suite(.timeLimit(.minutes(10))) struct DeletionRouteTests {
    private static let sharer = "/read/command/open/emit/share"

    private struct Stage {
        let service: RunningService

        /// - Parameter user: the user, with the scopes of somebody who may delete; another one after a slash.
        func ask(_ method: String, _ path: String, _ user: String, _ body: String? = nil) async throws
            -> RawHTTPClient.Answer
        {
            let token = user.contains("/") ? user : user + DeletionRouteTests.sharer
            return try await service.client.send(
                method, path, headers: ["Authorization": "Bearer \(token)"], body: body)
        }

        func operate(_ method: String, _ path: String, _ body: String? = nil) async throws -> RawHTTPClient.Answer {
            try await #require(service.operators).send(
                method, path, headers: ["Authorization": "Bearer u_op/admin"], body: body)
        }

        /// Logs an event, which opens the thread.
        @discardableResult
        func emit(_ thread: String, _ user: String, _ name: String = "n") async throws -> RawHTTPClient.Answer {
            try await ask(
                "POST", "/v1/threads/\(thread)/events", user, #"{"type":"custom","data":{"name":"\#(name)","value":1}}"#
            )
        }

        /// The status and the code.
        func told(_ method: String, _ path: String, _ user: String, _ body: String? = nil) async throws -> String {
            let answer = try await ask(method, path, user, body)
            return "\(answer.status) \(try answer.errorCode ?? "-")"
        }
    }

    private static func with(
        log: any EventLog = InMemoryEventLog(generations: .counting),
        agents: [any ServedAgent] = [],
        backupFolder: String? = nil,
        _ body: (Stage) async throws -> Void
    ) async throws {
        try await withRunningService(
            log: log, agents: agents, authenticator: NamingAuthenticator(),
            configure: { configuration in
                configuration.internalAddress = InternalAddress(port: 0)
                configuration.backupFolder = backupFolder
            }
        ) { (service: RunningService) async throws in try await body(Stage(service: service)) }
    }

    @Test func itTakesTheRightToShareAndSharingIsAScope() async throws {
        try await Self.with { (stage: Stage) async throws in
            #expect(try await stage.emit("t_1", "u_1").status == 201)
            let path = "/v1/threads/t_1"
            #expect(try await stage.service.client.send("DELETE", path).status == 401)
            #expect(try await stage.told("DELETE", path, "u_1/read/command/open") == "403 auth.scope_missing")
            #expect(try await stage.told("GET", path + "/deletion", "u_1/read/command") == "403 auth.scope_missing")
            #expect(try await stage.told("DELETE", path, "u_2") == "404 thread.unknown")
            #expect(try await stage.told("GET", path + "/events", "u_1") == "200 -")
            #expect(try await stage.told("GET", path + "/deletion", "u_1") == "404 deletion.unknown")
            #expect(try await stage.told("DELETE", path + "?wait=perhaps", "u_1") == "400 request.invalid")
            #expect(try await stage.told("DELETE", path + "?soon", "u_1") == "400 request.invalid")
        }
    }

    /// A thread of somebody else is one that does not exist, before it is deleted and after; only whose it was is told.
    @Test func unknownIsForbiddenAndGoneOnlyForItsUser() async throws {
        try await Self.with { (stage: Stage) async throws in
            try await stage.emit("t_1", "u_1")
            func all(_ thread: String, _ user: String) async throws -> [String] {
                let path = "/v1/threads/\(thread)"
                var told: [String] = []
                for (method, rest, body) in [
                    ("GET", "/events", nil), ("GET", "/state", nil), ("DELETE", "", nil), ("GET", "/deletion", nil),
                    ("POST", "/messages", #"{"text":"x"}"#),
                    ("GET", "/members", nil), ("PUT", "/members/u_3", #"{"role":"viewer"}"#),
                ] as [(String, String, String?)] {
                    let answer = try await stage.ask(method, path + rest, user + "/read/command/share", body)
                    told.append("\(answer.status) \(answer.body)".replacing(thread, with: "T"))
                }
                return told
            }
            let unknown = try await all("t_none", "u_2")
            #expect(unknown.allSatisfy { $0.hasPrefix("404 ") }, "\(unknown)")
            #expect(try await all("t_1", "u_2") == unknown)
            #expect(try await stage.told("DELETE", "/v1/threads/t_1?wait", "u_1") == "200 -")
            #expect(try await all("t_1", "u_2") == unknown)
            #expect(try await stage.told("GET", "/v1/threads/t_1/events", "u_1") == "410 thread.deleted")
            #expect(try await stage.told("GET", "/v1/threads/t_1/state", "u_1") == "410 thread.deleted")
            #expect(try await stage.emit("t_1", "u_1").status == 410)
            let foreign = try await stage.emit("t_1", "u_2")
            #expect(foreign.status == 404)
            #expect(try foreign.errorCode == "thread.unknown")
            #expect(try await stage.told("GET", "/v1/threads/t_1/deletion", "u_1") == "200 -")
        }
    }

    /// The same request again is answered with the state of the deletion, which does not change its time.
    @Test func itIsIdempotentAndWaits() async throws {
        try await Self.with { (stage: Stage) async throws in
            try await stage.emit("t_1", "u_1")
            let first = try await stage.ask("DELETE", "/v1/threads/t_1", "u_1")
            #expect(first.status == 202 || first.status == 200)
            let again = try await stage.ask("DELETE", "/v1/threads/t_1?wait=true", "u_1")
            #expect(again.status == 200)
            #expect(try again.json["deleted_at"] == first.json["deleted_at"])
            #expect(try again.json["erased_at"]?.stringValue != nil)
            #expect(try again.json["thread_id"] == "t_1")
            let left = try again.json["left"]?.arrayValue?.compactMap { $0["where"]?.stringValue }
            #expect(left == ["backups"])
            let report = try await stage.ask("GET", "/v1/threads/t_1/deletion", "u_1")
            #expect(try report.json == again.json)
            let operated = try await stage.operate("GET", "/v1/threads/t_1/deletion")
            #expect(operated.status == 200)
            #expect(try operated.json == again.json)
            #expect(try await stage.operate("DELETE", "/v1/threads/t_1").status == 200)
            #expect(try await stage.operate("DELETE", "/v1/threads/t_none").status == 404)
            #expect(try await stage.operate("GET", "/v1/threads/t_none/deletion").errorCode == "deletion.unknown")
        }
    }

    /// With `wait` the answer comes after the bytes are gone, however long that takes.
    @Test func anAnswerThatIsWaitedForComesAfterTheErasure() async throws {
        let log = HeldErasureLog()
        try await Self.with(log: log) { (stage: Stage) async throws in
            try await stage.emit("t_1", "u_1")
            async let answer = stage.ask("DELETE", "/v1/threads/t_1?wait=true", "u_1")
            while !log.isErasing { await Task.yield() }
            // Turns enough for an answer that does not wait.
            for _ in 0..<50 { #expect(try await stage.ask("GET", "/health", "u_1").status == 200) }
            log.letErase()
            let (status, report) = (try await answer.status, try await answer.json)
            #expect(status == 200)
            #expect(report["erased_at"]?.stringValue != nil, "\(report)")
        }
    }

    /// The run is ended, in the log and for who follows, before the thread goes; the agent is cancelled.
    @Test func anOpenRunEndsBefore() async throws {
        try await Self.with(agents: [WaitingAgent()]) { (stage: Stage) async throws in
            let said = try await stage.ask("POST", "/v1/threads/t_1/messages", "u_1", #"{"text":"x"}"#)
            #expect(said.status == 202)
            try await stage.service.withWebSocket(headers: ["Authorization": "Bearer u_1"]) { socket in
                try await socket.send(#"{"op":"subscribe","req":1,"thread_id":"t_1","after":"start"}"#)
                while try await socket.message()["type"] != "agent_started" {}
                #expect(try await stage.told("DELETE", "/v1/threads/t_1?wait", "u_1") == "200 -")
                var types: [String] = []
                while true {
                    let message = try await socket.message()
                    if let type = message["type"]?.stringValue { types.append(type) }
                    guard message["op"] == "unsubscribed" else { continue }
                    #expect(message["code"] == "thread.deleted" && message["thread_id"] == "t_1")
                    break
                }
                #expect(types.last == "agent_cancelled", "\(types)")
            }
            #expect(try await stage.told("GET", "/v1/threads/t_1/events", "u_1") == "410 thread.deleted")
        }
    }

    /// A service that drains still deletes what it is told to, or says that it is stopping; nothing in between.
    @Test func aServiceThatDrainsDeletesOrSaysNo() async throws {
        let log = InMemoryEventLog(generations: .counting)
        var answer: RawHTTPClient.Answer?
        try await withRunningService(
            log: log, agents: [WaitingAgent()], authenticator: NamingAuthenticator(),
            // The end of the wait when the thread of the agent cannot be deleted.
            configure: { $0.shutdownGrace = .seconds(10) }
        ) { (service: RunningService) async throws in
            let stage = Stage(service: service)
            try await stage.emit("t_1", "u_1")
            let said = try await stage.ask("POST", "/v1/threads/t_2/messages", "u_1", #"{"text":"x"}"#)
            #expect(said.status == 202)
            try await service.withWebSocket(headers: ["Authorization": "Bearer u_1"]) { socket in
                await service.shutDown()
                _ = try await socket.messages(until: "drain")
                answer = try await stage.ask("DELETE", "/v1/threads/t_1", "u_1")
                // The agent that the drain waits for ends with its thread.
                _ = try await stage.ask("DELETE", "/v1/threads/t_2", "u_1")
            }
        }
        let deletion = try await log.deletion(of: "t_1")
        let isDeleted = answer?.status == 202 || answer?.status == 200
        #expect(isDeleted == (deletion != nil), "\(String(describing: answer))")
        if !isDeleted { #expect(try answer?.errorCode == "server.stopping") }
    }

    @Test func aLogThatCannotDeleteSaysSo() async throws {
        try await Self.with(log: BareLog(InMemoryEventLog(generations: .counting))) { (stage: Stage) async throws in
            try await stage.emit("t_1", "u_1")
            let told = try await stage.told("DELETE", "/v1/threads/t_1", "u_1")
            #expect(told.hasSuffix(" deletion.unsupported"), "\(told)")
            #expect(try await stage.told("GET", "/v1/threads/t_1/events", "u_1") == "200 -")
        }
    }

    // MARK: Users

    @Test func aUserTakesAnOperator() async throws {
        try await Self.with { (stage: Stage) async throws in
            try await stage.emit("t_1", "u_1")
            let operators = try #require(stage.service.operators)
            let path = "/v1/users/u_1"
            #expect(try await operators.send("DELETE", path).status == 401)
            let user = ["Authorization": "Bearer u_1" + Self.sharer]
            #expect(try await operators.send("DELETE", path, headers: user).status == 403)
            #expect(try await stage.service.client.send("DELETE", path, headers: user).status == 404)
            #expect(try await stage.operate("DELETE", path + "?wait=x").status == 400)
            #expect(try await stage.operate("DELETE", "/v1/users/%20").status == 400)
            #expect(try await stage.told("GET", "/v1/threads/t_1/events", "u_1") == "200 -")
        }
    }

    /// The threads of the user go, with what is kept of the user in threads of others; everything of others stays.
    @Test(arguments: [true, false])
    func aUserGoesEverywhere(isOnDisk: Bool) async throws {
        try await withFolder { folder in
            let onDisk = isOnDisk ? FileEventLog(path: folder + "/events") : nil
            let log: any EventLog
            if let onDisk { log = onDisk } else { log = InMemoryEventLog(generations: .counting) }
            try await Self.with(log: log) { (stage: Stage) async throws in
                for thread in ["t_1", "t_2"] { try await stage.emit(thread, "u_1") }
                try await stage.emit("t_9", "u_9")
                for user in ["u_1", "u_10", "u_2", "group:u_1"] {
                    let answer = try await stage.ask(
                        "PUT", "/v1/threads/t_9/members/\(user)", "u_9", #"{"role":"viewer"}"#)
                    #expect(answer.status == 200)
                }
                let store = try #require(log as? any SearchableStateStore)
                for name in ["u_1/tab", "u_1 a/b", "u_10/tab", "u_1/x y", "u_2/u_1/tab"] {
                    try await store.save([StoredValue(.consumer, thread: "t_9", name: name, bytes: Array("1-1".utf8))])
                }
                #expect(try await stage.told("GET", "/v1/threads/t_9/events", "u_1") == "200 -")
                let answer = try await stage.operate("DELETE", "/v1/users/u_1?wait")
                #expect(answer.status == 200)
                let json = try answer.json
                #expect(json["threads"]?.arrayValue?.compactMap { $0["thread_id"]?.stringValue } == ["t_1", "t_2"])
                #expect(json["memberships"] == 1 && json["consumers"] == 2, "\(answer.body)")
                #expect(try await stage.told("GET", "/v1/threads/t_9/events", "u_1") == "404 thread.unknown")
                for user in ["u_10", "u_2"] {
                    #expect(try await stage.told("GET", "/v1/threads/t_9/events", user) == "200 -")
                }
                #expect(try await stage.told("GET", "/v1/threads/t_1/events", "u_1") == "410 thread.deleted")
                let places = try await store.places(of: .consumer, namePrefix: "").map(\.name).sorted()
                #expect(places == ["u_1/x y", "u_10/tab", "u_2/u_1/tab"])
                let again = try await stage.operate("DELETE", "/v1/users/u_1")
                #expect(again.status == 200)
                #expect(try again.json["threads"] == [] && again.json["memberships"] == 0)
                #expect(try await stage.operate("DELETE", "/v1/users/u_none").status == 200)
                // A user of that name is not the group.
                let named = try await stage.operate("DELETE", "/v1/users/group:u_1")
                #expect(named.status == 200)
                #expect(try named.json["memberships"] == 0)
                let group = try await stage.ask("GET", "/v1/threads/t_9/members/group:u_1", "u_9")
                #expect(group.status == 200)
            }
            try await onDisk?.close()
        }
    }

    // MARK: Backups

    /// The report lists those that have the thread, with their age; their names are for operators.
    @Test func backupsAreListedWithTheirAge() async throws {
        try await withFolder { folder in
            let log = FileEventLog(path: folder + "/events")
            try await Self.with(log: log, backupFolder: folder + "/backups") { (stage: Stage) async throws in
                try await stage.emit("t_1", "u_1")
                for name in ["monday", "tuesday"] {
                    let made = try await stage.operate("POST", "/v1/admin/backups", #"{"name":"\#(name)"}"#)
                    #expect(made.status == 201)
                }
                #expect(try await stage.told("DELETE", "/v1/threads/t_1?wait", "u_1") == "200 -")
                #expect(try await stage.operate("POST", "/v1/admin/backups", #"{"name":"later"}"#).status == 201)
                try FileManager.default.createDirectory(
                    atPath: folder + "/backups/other", withIntermediateDirectories: false)
                let report = try await stage.operate("GET", "/v1/threads/t_1/deletion").json
                let left = report["left"]?.arrayValue ?? []
                #expect(left.map { $0["name"]?.stringValue } == ["monday", "tuesday", nil])
                #expect(left.allSatisfy { $0["where"] == "backups" })
                for backup in left.dropLast() {
                    #expect((backup["age_seconds"]?.integerValue ?? -1) >= 0)
                    #expect(backup["created_at"]?.stringValue.flatMap { Timestamp(rfc3339: $0) } != nil)
                }
                let own = try await stage.ask("GET", "/v1/threads/t_1/deletion", "u_1").json["left"]?.arrayValue ?? []
                #expect(own.count == 3 && own.allSatisfy { $0["name"] == nil })
                try Data("no manifest".utf8).write(
                    to: URL(fileURLWithPath: folder + "/backups/tuesday/manifest.json"))
                let unlisted = try await stage.operate("GET", "/v1/threads/t_1/deletion").body
                #expect(unlisted.contains("which cannot be listed"))
            }
            try await log.close()
        }
    }

    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("agent-events-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }
}

/// A log whose bytes are not erased until the test lets it.
private final class HeldErasureLog: DeletingEventLog, ForwardingLog, StateStore {
    let log = InMemoryEventLog(generations: .counting)
    private let erasing = Atomic(false)
    private let mayErase = Atomic(false)

    var isErasing: Bool { erasing.load(ordering: .acquiring) }

    func letErase() { mayErase.store(true, ordering: .releasing) }

    func erase(clock: WallClock) async throws(EventLogError) -> [ThreadDeletion] {
        if try await !log.unfinishedDeletions().isEmpty {
            erasing.store(true, ordering: .releasing)
            while !mayErase.load(ordering: .acquiring) { await Task.yield() }
        }
        return try await log.erase(clock: clock)
    }
}
