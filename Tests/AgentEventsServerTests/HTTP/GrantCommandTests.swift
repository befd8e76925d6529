import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Synchronization
import Testing

/// Answers that count for later questions, and their revocation, over HTTP and WebSocket.
@Suite(.timeLimit(.minutes(10)))
struct GrantCommandTests {
    private struct Stage {
        let service: RunningService
        let keys = RisingNumbers()

        func command(_ body: String, by token: String = "u_1/command") async throws -> RawHTTPClient.Answer {
            try await service.client.post(
                "/v1/threads/t_7/commands", body,
                headers: ["Authorization": "Bearer \(token)", "Idempotency-Key": "k_\(keys.next())"])
        }

        /// A run deploys something.
        func deploy() async throws {
            try await service.runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in
                try await run.tool("deploy", arguments: 7, approval: ToolApproval("Deploy?")) { _ in }
            }
        }

        /// The answer to the question that is asked next: it was the last of this many.
        @discardableResult
        func answer(
            _ count: Int, _ members: String = "", by token: String = "u_1/command"
        ) async throws -> RawHTTPClient.Answer {
            var rest = count
            var asked: ApprovalID?
            for try await event in try await service.runtime.events(user: "u_1", thread: "t_7") {
                guard case .approvalRequested(let request) = event.payload else { continue }
                rest -= 1
                asked = request.approvalID
                if rest == 0 { break }
            }
            let approval = try #require(asked)
            return try await command(
                #"{"name":"answer","data":{"approval_id":"\#(approval)","decision":"approved"\#(members)}}"#, by: token)
        }

        var answers: [String] {
            get async throws {
                try await service.runtime.flush()
                return try await service.loggedEvents(in: "t_7").compactMap { event in
                    guard case .approvalResolved(let resolved) = event.payload else { return nil }
                    return "\(resolved.by?.rawValue ?? "nobody") \(resolved.data?["grant"]?.stringValue ?? "-")"
                }
            }
        }
    }

    private final class RisingNumbers: Sendable {
        private let last = Atomic<Int>(0)
        func next() -> Int { last.add(1, ordering: .relaxed).newValue }
    }

    private static func with(_ body: @Sendable (Stage) async throws -> Void) async throws {
        try await withRunningService(authenticator: NamingAuthenticator()) { service in
            try await body(Stage(service: service))
        }
    }

    @Test func aGrantIsRevoked() async throws {
        try await Self.with { stage in
            async let first: Void = stage.deploy()
            let given = try await stage.answer(1, #","grant":{"scope":"thread"}"#)
            #expect(try given.json["outcome"] == "done")
            #expect(try given.json["cursors"]?.arrayValue?.count == 2)
            try await first
            // Nobody is asked.
            try await stage.deploy()

            let revoke = #"{"name":"revoke","data":{"tool":"deploy"}}"#
            for (token, code) in [("u_1/emit", "auth.scope_missing"), ("u_2/command", "thread.unknown")] {
                #expect(try await stage.command(revoke, by: token).errorCode == code)
            }
            for (body, path) in [
                (#"{"name":"revoke"}"#, "$.data.tool"), (#"{"name":"revoke","data":{"tool":""}}"#, "$.data.tool"),
                (#"{"name":"revoke","data":{"tools":"deploy"}}"#, "$.data.tools"),
                (#"{"name":"revoke","run_id":"r_1","data":{"tool":"deploy"}}"#, "$.run_id"),
            ] {
                let refused = try await stage.command(body)
                #expect(try refused.errorCode == "command.invalid")
                #expect(try refused.json["error"]?["path"]?.stringValue == path)
            }
            try await stage.deploy()
            let other = try await stage.command(#"{"name":"revoke","data":{"tool":"delete"}}"#)
            #expect(try other.json["outcome"] == "unchanged")

            let revoked = try await stage.command(revoke)
            #expect(revoked.status == 200)
            #expect(try revoked.json["outcome"] == "done")
            let cursor = try #require(try revoked.json["cursors"]?.arrayValue?.first?.stringValue)
            let event = try #require(try await stage.service.loggedEvents(in: "t_7").first { "\($0.id)" == cursor })
            guard case .stateUpdated(let update) = event.payload else {
                Issue.record("a revocation is \(event.typeName)")
                return
            }
            #expect(update.key == "grant/deploy" && update.change == .removed && update.by == "u_1")
            #expect(try await stage.command(revoke).json["outcome"] == "unchanged")

            async let last: Void = stage.deploy()
            try await stage.answer(4)
            try await last
            let answers = try await stage.answers
            #expect(answers == ["u_1 -", "u_1 grant/deploy", "u_1 grant/deploy", "u_1 -"])
        }
    }

    /// The same over WebSocket: what is revoked is answered with its cursor, and once more with `repeated`.
    @Test func aGrantIsRevokedOverAStream() async throws {
        try await Self.with { stage in
            async let first: Void = stage.deploy()
            try await stage.answer(1, #","grant":{}"#)
            try await first
            try await stage.service.withWebSocket(headers: ["Authorization": "Bearer u_1"]) { socket in
                _ = try await socket.messages(until: "welcome")
                for (request, outcome) in [(1, "done"), (2, "repeated")] {
                    try await socket.send(
                        #"{"op":"command","req":\#(request),"thread_id":"t_7","key":"k","name":"revoke","#
                            + #""data":{"tool":"deploy"}}"#)
                    let accepted = try await socket.messages(until: "accepted").message
                    #expect(accepted["name"] == "revoke" && accepted["outcome"]?.stringValue == outcome)
                    #expect(accepted["cursors"]?.arrayValue?.count == 1)
                }
            }
        }
    }

    /// An approver of somebody else's thread gives a grant; it counts as long as they are one.
    @Test func aGrantEndsWithTheMembershipOfItsGiver() async throws {
        try await Self.with { stage in
            let member = "/v1/threads/t_7/members/u_2"
            // Nobody gives more than they may do themselves.
            let headers = ["Authorization": "Bearer u_1/share/read/approve"]
            func appoint() async throws {
                let put = try await stage.service.client.send(
                    "PUT", member, headers: headers, body: #"{"role":"approver"}"#)
                #expect(put.status == 200)
            }
            async let first: Void = stage.deploy()
            // The thread is there.
            for try await event in try await stage.service.runtime.events(user: "u_1", thread: "t_7")
            where event.type == .approvalRequested { break }
            try await appoint()
            let given = try await stage.answer(1, #","grant":{}"#, by: "u_2/approve")
            #expect(given.status == 200)
            try await first
            try await stage.deploy()

            let removed = try await stage.service.client.send("DELETE", member, headers: headers)
            #expect(removed.status == 204)
            async let second: Void = stage.deploy()
            try await stage.answer(3)
            try await second

            try await appoint()
            try await stage.deploy()
            let answers = try await stage.answers
            #expect(answers == ["u_2 -", "u_2 grant/deploy", "u_1 -", "u_2 grant/deploy"])
        }
    }
}
