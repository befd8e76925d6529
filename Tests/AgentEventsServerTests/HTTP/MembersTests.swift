import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Synchronization
import Testing

/// Members and share links over HTTP and WebSocket: SEC-30 to 37 for those who are let in, and out.
@Suite(.timeLimit(.minutes(10)))
struct MembersTests {
    private static let thread = "owner~plans"
    private static let path = "/v1/threads/\(thread)"

    /// Everybody with the scopes of frontends, and `share`; the token is the user's id, and those of its groups after commas. What
    /// the signer made is a link.
    private final class Tokens: Authenticator, LinkTokenSigner {
        private let links = Mutex<[String: ShareLink]>([:])

        var needsCredentials: Bool { true }
        var made: [ShareLink] { links.withLock { Array($0.values) } }

        func token(for link: ShareLink) async throws -> String {
            links.withLock { links in
                let token = "token-\(links.count)"
                links[token] = link
                return token
            }
        }

        func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
            guard let token = credentials.token, let user = try? UserID(token.prefix { $0 != "," }) else {
                throw AuthenticationError(.missing, "send a token")
            }
            guard let link = links.withLock({ $0[token] }) else {
                var principal = Principal(user: user, scopes: [.read, .command, .open, .share])
                principal.groups = Set(token.split(separator: ",").dropFirst().compactMap { try? GroupID($0) })
                return principal
            }
            return Principal(
                user: link.subject, scopes: link.scopes,
                threads: .listed([ThreadAllowance(ThreadPattern(link.thread.rawValue))]), isLimitedToThreads: true,
                expiresAt: link.expiresAt, token: TokenIdentity(issuer: ShareLink.issuer, issuedAt: link.issuedAt))
        }
    }

    private struct Stage {
        let service: RunningService
        let tokens: Tokens

        func ask(
            _ method: String, _ path: String, _ user: String, _ body: String? = nil
        ) async throws -> RawHTTPClient.Answer {
            try await service.client.send(method, path, headers: ["Authorization": "Bearer \(user)"], body: body)
        }

        /// The status of reading the events.
        func read(_ user: String, _ query: String = "") async throws -> Int {
            try await ask("GET", MembersTests.path + "/events" + query, user).status
        }

        func put(_ user: String, _ body: String, by sharer: String = "owner") async throws -> RawHTTPClient.Answer {
            try await ask("PUT", MembersTests.path + "/members/\(user)", sharer, body)
        }

        func say(_ user: String, key: String? = nil) async throws -> Int {
            try await ask("POST", MembersTests.path + "/messages", user, #"{"text":"Hello"}"#).status
        }
    }

    private static func with(
        log: any EventLog = InMemoryEventLog(generations: .counting),
        signs: Bool = true,
        _ body: @Sendable (Stage) async throws -> Void
    ) async throws {
        let tokens = Tokens()
        try await withRunningService(
            log: log, authenticator: tokens, linkTokenSigner: signs ? tokens : nil
        ) { (service: RunningService) async throws in
            let stage = Stage(service: service, tokens: tokens)
            #expect(try await stage.say("owner") == 202)
            try await body(stage)
        }
    }

    @Test func aMemberMayWhatItsRoleSays() async throws {
        try await Self.with { (stage: Stage) async throws in
            for (role, mayRead, mayWrite, mayShare) in [
                ("viewer", true, false, false), ("approver", true, false, false), ("participant", true, true, false),
                ("owner", true, true, true),
            ] {
                let user = "u_\(role)"
                #expect(try await stage.read(user) == 404)
                let answer = try await stage.put(user, #"{"role":"\#(role)"}"#)
                #expect(answer.status == 200)
                let json = try answer.json
                #expect(json["subject"]?.stringValue == user && json["role"]?.stringValue == role)
                #expect(json["granted_by"] == "owner" && json["expires_at"] == .null && json["visible_after"] == .null)
                #expect((try await stage.read(user) == 200) == mayRead)
                #expect((try await stage.say(user) == 202) == mayWrite)
                let shared = try await stage.put("u_9", #"{"role":"viewer"}"#, by: user)
                #expect((shared.status == 200) == mayShare)
                if !mayShare { #expect(try shared.errorCode == "thread.unknown") }
                #expect(try await stage.ask("GET", Self.path + "/members/\(user)", "owner").json == json)
            }
            let all = try await stage.ask("GET", Self.path + "/members", "owner").json["members"]?.arrayValue ?? []
            #expect(
                all.map { $0["subject"]?.stringValue ?? "" }
                    == ["u_9", "u_approver", "u_owner", "u_participant", "u_viewer"])
        }
    }

    /// Who is in a group has its part, together with its own; a user whose id looks like a group has none.
    @Test func aGroupIsAMember() async throws {
        try await Self.with { (stage: Stage) async throws in
            for (group, role) in [("staff", "viewer"), ("red", "participant")] {
                #expect(try await stage.read("u_5,\(group)") == 404)
                let answer = try await stage.put("group:\(group)", #"{"role":"\#(role)"}"#)
                #expect(answer.status == 200)
                #expect(try answer.json["subject"]?.stringValue == "group:\(group)")
            }
            #expect(try await stage.read("u_5,staff") == 200)
            #expect(try await stage.say("u_5,staff") == 404)
            #expect(try await stage.say("u_5,other,staff,red") == 202)
            for stranger in ["u_5", "u_5,other", "group:staff", "staff", "u_5,group:staff"] {
                #expect(try await stage.read(stranger) == 404, "\(stranger)")
            }
            let all = try await stage.ask("GET", Self.path + "/members", "owner").json["members"]?.arrayValue ?? []
            #expect(all.map { $0["subject"]?.stringValue } == ["group:red", "group:staff"])
            // A part of its own, from now on, hides nothing that the group sees.
            #expect(try await stage.put("u_5", #"{"role":"approver","from":"now"}"#).status == 200)
            for (user, count) in [("u_5,staff", 2), ("u_5", 0)] {
                let page = try await stage.ask("GET", Self.path + "/events", user).json
                #expect(page["events"]?.arrayValue?.count == count, "\(user)")
            }
            #expect(try await stage.ask("DELETE", Self.path + "/members/group:staff", "owner").status == 204)
            #expect(try await stage.read("u_6,staff") == 404)
            #expect(try await stage.read("u_6,staff,red") == 200)
        }
    }

    /// Those who ask for it are told, unless they may not read the thread; nothing of it is in the log.
    @Test func changesAreToldToThoseWhoAsk() async throws {
        try await Self.with { (stage: Stage) async throws in
            func follow(_ socket: RawWebSocket, _ more: String) async throws {
                _ = try await socket.messages(until: "welcome")
                try await socket.send(#"{"op":"subscribe","req":1,"thread_id":"\#(Self.thread)"\#(more)}"#)
                _ = try await socket.messages(until: "live")
            }
            /// The ops that came before an answer that is asked for now.
            func told(_ socket: RawWebSocket) async throws -> Int {
                try await socket.send(#"{"op":"ping","req":9}"#)
                var count = 0
                while true {
                    let message = try await socket.message()
                    if message["op"] == "pong" { return count }
                    guard message["op"] == "members_changed" else { continue }
                    #expect(message["thread_id"]?.stringValue == Self.thread)
                    count += 1
                }
            }
            let asks = #","members":true"#
            try await stage.service.withWebSocket(headers: ["Authorization": "Bearer owner"]) { owner in
                try await follow(owner, asks)
                try await stage.service.withWebSocket(headers: ["Authorization": "Bearer owner"]) { silent in
                    try await follow(silent, "")
                    try await stage.service.withWebSocket(headers: ["Authorization": "Bearer u_7"]) { stranger in
                        try await follow(stranger, asks)
                        #expect(try await stage.put("u_2", #"{"role":"viewer"}"#).status == 200)
                        let change = try await owner.messages(until: "members_changed").message
                        #expect(change["thread_id"]?.stringValue == Self.thread)
                        #expect(try await stage.put("group:staff", #"{"role":"viewer"}"#).status == 200)
                        _ = try await owner.messages(until: "members_changed")
                        #expect(try await stage.ask("DELETE", Self.path + "/members/u_2", "owner").status == 204)
                        _ = try await owner.messages(until: "members_changed")
                        #expect(try await stage.ask("DELETE", Self.path + "/members/u_2", "owner").status == 404)
                        #expect(try await told(owner) == 0)
                        #expect(try await told(silent) == 0)
                        #expect(try await told(stranger) == 0)
                    }
                }
            }
            let events = try await stage.ask("GET", Self.path + "/events", "owner").body
            #expect(!events.contains("member"))
        }
    }

    /// What is removed is gone at once for everybody in the group, also for who follows the thread.
    @Test func aGroupThatIsRemovedGetsNothingFurther() async throws {
        try await Self.with { (stage: Stage) async throws in
            #expect(try await stage.put("group:staff", #"{"role":"viewer"}"#).status == 200)
            try await stage.service.withWebSocket(headers: ["Authorization": "Bearer u_2,staff"]) { socket in
                _ = try await socket.messages(until: "welcome")
                try await socket.send(#"{"op":"subscribe","req":1,"thread_id":"\#(Self.thread)","after":"start"}"#)
                #expect(try await socket.messages(until: "live").events.count == 2)
                #expect(try await stage.ask("DELETE", Self.path + "/members/group:staff", "owner").status == 204)
                #expect(try await stage.read("u_2,staff") == 404)
                #expect(try await stage.say("owner") == 202)
                try await socket.send(#"{"op":"unsubscribe","req":2,"thread_id":"\#(Self.thread)"}"#)
                #expect(try await socket.messages(until: "unsubscribed").events == [])
            }
        }
    }

    /// What is removed is gone at once, also for who follows the thread, and after a restart.
    @Test func aMemberThatIsRemovedGetsNothingFurther() async throws {
        try await Self.with { (stage: Stage) async throws in
            #expect(try await stage.put("u_2", #"{"role":"viewer"}"#).status == 200)
            try await stage.service.withWebSocket(headers: ["Authorization": "Bearer u_2"]) { socket in
                _ = try await socket.messages(until: "welcome")
                try await socket.send(#"{"op":"subscribe","req":1,"thread_id":"\#(Self.thread)","after":"start"}"#)
                #expect(try await socket.messages(until: "live").events.count == 2)
                #expect(try await stage.ask("DELETE", Self.path + "/members/u_2", "owner").status == 204)
                #expect(try await stage.read("u_2") == 404)
                #expect(try await stage.say("owner") == 202)
                try await socket.send(#"{"op":"unsubscribe","req":2,"thread_id":"\#(Self.thread)"}"#)
                #expect(try await socket.messages(until: "unsubscribed").events == [])
            }
            #expect(try await stage.ask("DELETE", Self.path + "/members/u_2", "owner").errorCode == "member.unknown")
            #expect(try await stage.ask("GET", Self.path + "/members/u_2", "owner").errorCode == "member.unknown")
        }
    }

    /// Who waits for a thread in which it may nothing is let in without a further request, and misses nothing.
    @Test func aSubscriberThatBecomesAMemberGetsEverything() async throws {
        try await Self.with { (stage: Stage) async throws in
            try await stage.service.withWebSocket(headers: ["Authorization": "Bearer u_2"]) { socket in
                _ = try await socket.messages(until: "welcome")
                try await socket.send(#"{"op":"subscribe","req":1,"thread_id":"\#(Self.thread)","after":"start"}"#)
                #expect(try await socket.messages(until: "subscribed").message["head"] == .null)
                _ = try await socket.messages(until: "live")
                #expect(try await stage.put("u_2", #"{"role":"viewer"}"#).status == 200)
                #expect(try await socket.event().id.sequence == 1)
                #expect(try await stage.say("owner") == 202)
                #expect(try await socket.event().id.sequence == 2)
            }
        }
    }

    /// From now on means that nothing from before is to be had, by no way.
    @Test(arguments: [false, true])
    func aMemberFromNowOnSeesNothingFromBefore(_ subscribesBefore: Bool) async throws {
        try await Self.with { (stage: Stage) async throws in
            for _ in 0..<4 { #expect(try await stage.say("owner") == 202) }
            let head = try await stage.ask("GET", Self.path + "/events", "owner").json["head"]?.stringValue ?? ""
            func events(_ query: String) async throws -> RawHTTPClient.Answer {
                try await stage.ask("GET", Self.path + "/events" + query, "u_2")
            }
            try await stage.service.withWebSocket(headers: ["Authorization": "Bearer u_2"]) { socket in
                _ = try await socket.messages(until: "welcome")
                let subscribe =
                    #"{"op":"subscribe","req":1,"thread_id":"\#(Self.thread)","snapshot":true,"after":"start"}"#
                if subscribesBefore {
                    try await socket.send(subscribe)
                    _ = try await socket.messages(until: "live")
                }
                let answer = try await stage.put("u_2", #"{"role":"viewer","from":"now"}"#)
                #expect(try answer.json["visible_after"]?.stringValue == head)
                if !subscribesBefore { try await socket.send(subscribe) }
                #expect(try await events("").json["events"] == [])
                #expect(try await events("?after=1-1").errorCode == "cursor.trimmed")
                #expect(try await events("?after=\(head)").json["events"] == [])
                let before = try await stage.ask("GET", Self.path + "/state", "u_2").json
                #expect(before["state"] == ThreadState().json && before["cursor"] == .null)
                #expect(try await stage.say("owner") == 202)
                let page = try await events("").json["events"]?.arrayValue ?? []
                #expect(page.count == 1)
                let after = try await stage.ask("GET", Self.path + "/state", "u_2").json
                #expect(after["state"]?["messages"]?.arrayValue?.count == 1)
                // Neither an event nor a state of the thread from before.
                while true {
                    let message = try await socket.message()
                    if let seq = message["seq"]?.integerValue {
                        #expect(seq == page.first?["seq"]?.integerValue)
                        break
                    }
                    if let state = message["state"] { #expect((state["messages"]?.arrayValue?.count ?? 0) <= 1) }
                    if message["op"] == "snapshot", message["cursor"] != .null { break }
                }
            }
            // A change of the role leaves it as it is.
            #expect(try await stage.put("u_2", #"{"role":"participant"}"#).json["visible_after"]?.stringValue == head)
            #expect(try await stage.put("u_2", #"{"role":"viewer","from":"start"}"#).json["visible_after"] == .null)
            #expect(try await events("?after=1-1").status == 200)
        }
    }

    @Test func nobodyGivesMoreThanTheyHave() async throws {
        let principals = [
            "owner": Principal(user: "owner", scopes: [.read, .command, .open, .share]),
            "reader": Principal(user: "owner", scopes: [.read, .share]),
            "granted": Principal(
                user: "u_1", scopes: [.read, .command, .share],
                threads: .listed([ThreadAllowance(ThreadPattern(Self.thread), scopes: [.read, .share])])),
            "scopeless": Principal(user: "owner"),
        ]
        try await withRunningService(authenticator: PrincipalTable(principals: principals)) {
            (service: RunningService) async throws in
            func put(_ token: String, _ role: String, _ user: String = "u_2") async throws -> String? {
                try await service.client.send(
                    "PUT", Self.path + "/members/\(user)", headers: ["Authorization": "Bearer \(token)"],
                    body: #"{"role":"\#(role)"}"#
                ).errorCode
            }
            #expect(try await put("owner", "viewer") == "thread.unknown")
            let opened = try await service.client.post(
                Self.path + "/messages", #"{"text":"x"}"#, headers: ["Authorization": "Bearer owner"])
            #expect(opened.status == 202)
            for token in ["reader", "granted"] {
                #expect(try await put(token, "viewer") == nil)
                for role in ["approver", "participant", "owner"] {
                    #expect(try await put(token, role) == "member.forbidden")
                }
            }
            #expect(try await put("owner", "owner") == nil)
            // Nor does one take away what is more.
            #expect(try await put("reader", "viewer") == "member.forbidden")
            #expect(try await put("scopeless", "viewer") == "auth.scope_missing")
            #expect(try await put("owner", "viewer", "owner") == "request.invalid")
            #expect(try await put("owner", "viewer", "group:") == "request.invalid")
            #expect(try await put("owner", "viewer", "link:a") == "member.unknown")
            #expect(try await put("owner", "boss") == "message.invalid")
        }
    }

    /// Neither what they do not see, nor for longer than they have it.
    @Test func nobodyGivesMoreOfAThreadThanTheyHave() async throws {
        try await Self.with { (stage: Stage) async throws in
            let sharer = try await stage.put("u_2", #"{"role":"owner","from":"now","expires_in":3600}"#).json
            let (beginning, end) = (sharer["visible_after"], sharer["expires_at"]?.stringValue ?? "")
            #expect(beginning != .null && !end.isEmpty)
            for body in [
                #"{"role":"viewer"}"#, #"{"role":"viewer","from":"start"}"#,
                #"{"role":"viewer","from":"start","expires_in":86400}"#,
            ] {
                let answer = try await stage.put("u_3", body, by: "u_2").json
                #expect(answer["visible_after"] == beginning, "\(body)")
                #expect(answer["expires_at"]?.stringValue == end, "\(body)")
                #expect(try await stage.ask("DELETE", Self.path + "/members/u_3", "owner").status == 204)
            }
            let shorter = try await stage.put("u_3", #"{"role":"viewer","expires_in":60}"#, by: "u_2").json
            #expect(shorter["expires_at"]?.stringValue ?? "" < end)
            let link = try await stage.ask("POST", Self.path + "/links", "u_2", "{}").json
            #expect(link["visible_after"] == beginning && link["expires_at"]?.stringValue == end)
            // The user whose thread it is gives everything.
            let full = try await stage.put("u_4", #"{"role":"viewer"}"#).json
            #expect(full["visible_after"] == .null && full["expires_at"] == .null)
        }
    }

    @Test func aLinkIsAMemberWithAToken() async throws {
        try await Self.with { (stage: Stage) async throws in
            func make(_ body: String, by user: String = "owner") async throws -> RawHTTPClient.Answer {
                try await stage.ask("POST", Self.path + "/links", user, body)
            }
            let viewer = try await make("{}")
            #expect(viewer.status == 201)
            let subject = try #require(try viewer.json["subject"]?.stringValue)
            #expect(subject.wholeMatch(of: /link:[0-9a-f]{32}/) != nil)
            #expect(try viewer.json["role"] == "viewer")
            let token = try #require(try viewer.json["token"]?.stringValue)
            let link = try #require(stage.tokens.made.first)
            #expect(link.thread.rawValue == Self.thread && link.scopes == [.read])
            #expect(link.expiresAt.milliseconds(since: link.issuedAt) == 24 * 3600 * 1000)
            #expect(try await stage.read(token) == 200)
            #expect(try await stage.ask("POST", Self.path + "/messages", token, #"{"text":"x"}"#).status == 403)
            #expect(try await stage.ask("GET", "/v1/threads/owner~other/events", token).status == 404)

            let writer = try await make(#"{"role":"participant","expires_in":60,"from":"now"}"#)
            let second = try #require(try writer.json["token"]?.stringValue)
            #expect(try await stage.say(second) == 202)
            #expect(try await stage.ask("GET", Self.path + "/events?after=1-1", second).errorCode == "cursor.trimmed")
            let writing = try #require(try writer.json["subject"]?.stringValue)
            let said = try await stage.service.loggedEvents(in: ThreadID(Self.thread)).last?.payload
            guard case .userMessage(let message) = said else { throw CancellationError() }
            #expect(message.userID.rawValue == writing)

            for body in [#"{"role":"owner"}"#, #"{"expires_in":604801}"#, #"{"expires_in":0}"#, #"{"life":1}"#] {
                #expect(try await make(body).status == 400, "\(body)")
            }
            #expect(try await make("{}", by: "u_2").errorCode == "thread.unknown")
            #expect(try await make("{}", by: token).errorCode == "auth.scope_missing")

            // No row, no access: the token alone is not enough.
            #expect(try await stage.ask("DELETE", Self.path + "/members/\(subject)", "owner").status == 204)
            #expect(try await stage.read(token) == 404)
            #expect(try await stage.read(second) == 200)
            // Nor is a user of that name the link.
            #expect(try await stage.read(writing) == 404)
            // Less is made of a link like of any member.
            #expect(try await stage.put(writing, #"{"role":"viewer"}"#).status == 200)
            #expect(try await stage.say(second) == 404)
        }
    }

    @Test func aThreadHasAHundredMembersAndTwentyLinks() async throws {
        try await Self.with { (stage: Stage) async throws in
            for number in 0..<100 {
                #expect(try await stage.put("u_\(number)", #"{"role":"viewer"}"#).status == 200)
            }
            let refused = try await stage.put("u_100", #"{"role":"viewer"}"#)
            #expect(try refused.status == 409 && refused.errorCode == "limits.members")
            #expect(try await stage.put("u_99", #"{"role":"participant"}"#).status == 200)
            #expect(try await stage.ask("DELETE", Self.path + "/members/u_0", "owner").status == 204)
            #expect(try await stage.put("u_100", #"{"role":"viewer"}"#).status == 200)
            for _ in 0..<20 { #expect(try await stage.ask("POST", Self.path + "/links", "owner", "{}").status == 201) }
            let link = try await stage.ask("POST", Self.path + "/links", "owner", "{}")
            #expect(try link.status == 409 && link.errorCode == "limits.links")
        }
    }

    @Test func whatIsNotKeptHereIsSaid() async throws {
        try await Self.with(signs: false) { (stage: Stage) async throws in
            #expect(try await stage.ask("POST", Self.path + "/links", "owner", "{}").errorCode == "member.unsupported")
        }
        try await withRunningService(authorizer: OwnershipAuthorizer()) { (service: RunningService) async throws in
            #expect(try await service.client.get("/v1/threads/t/members").errorCode == "member.unsupported")
        }
    }

    /// Members see who else is there, links by their ids.
    @Test func membersAreShownToMembers() async throws {
        try await Self.with { (stage: Stage) async throws in
            let link = try await stage.ask("POST", Self.path + "/links", "owner", "{}")
            let token = try #require(try link.json["token"]?.stringValue)
            let subject = try #require(try link.json["subject"]?.stringValue)
            #expect(try await stage.put("u_2", #"{"role":"viewer"}"#).status == 200)
            func follow(_ user: String, _ body: () async throws -> Void) async throws {
                try await stage.service.withWebSocket(headers: ["Authorization": "Bearer \(user)"]) { socket in
                    try await socket.send(#"{"op":"subscribe","req":1,"thread_id":"\#(Self.thread)"}"#)
                    _ = try await socket.messages(until: "live")
                    try await body()
                }
            }
            try await follow("owner") {
                try await follow(token) {
                    try await follow("u_3") {
                        let answer = try await stage.ask("GET", Self.path + "/subscribers", "u_2")
                        let users = try answer.json["subscribers"]?.arrayValue?.compactMap {
                            $0["user_id"]?.stringValue
                        }
                        #expect(users?.sorted() == [subject, "owner"])
                        #expect(try await stage.ask("GET", Self.path + "/subscribers", "u_3").status == 404)
                    }
                }
            }
        }
    }
}
