import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTestSupport
import AgentEventsTesting
import Synchronization
import Testing

/// What requests leave in the audit trail, and what credentials do that are revoked while they are in use.
@Suite(.timeLimit(.minutes(10))) struct AuditedRequestTests {
    /// Its entries in words.
    private final class Trail: AuditTrail {
        private let entries = Mutex<[AuditEntry]>([])

        func record(_ entry: AuditEntry) { entries.withLock { $0.append(entry) } }

        var words: [String] {
            entries.withLock { entries in
                entries.map { entry in
                    let details = String(decoding: JSONValue.object(entry.details).encoded(), as: UTF8.self)
                    return "\(entry.what) \(entry.who) \(entry.from ?? "-") \(details)"
                }
            }
        }
    }

    private final class Signer: LinkTokenSigner {
        func token(for link: ShareLink) async throws -> String { "signed-canary" }
    }

    private static let path = "/v1/threads/owner~t"
    private static let headers = ["Authorization": "Bearer owner/read/command/open/share/admin"]

    private static func with(
        log: any EventLog = InMemoryEventLog(generations: .counting),
        trustsProxies: Bool = false,
        _ body: @Sendable (RunningService, Trail) async throws -> Void
    ) async throws {
        let trail = Trail()
        try await withRunningService(
            log: log, authenticator: TokenNamingAuthenticator(), linkTokenSigner: Signer(),
            configure: { configuration in
                configuration.audit = trail
                configuration.internalAddress = InternalAddress(port: 0)
                if trustsProxies {
                    configuration.listener.trustedProxies = TrustedProxies(
                        [try? AddressRange("127.0.0.1")].compactMap { $0 }, header: .xForwardedFor)
                }
            }
        ) { service in
            let opened = try await service.client.post(
                Self.path + "/messages", #"{"text":"x"}"#, headers: Self.headers)
            #expect(opened.status == 202)
            try await body(service, trail)
        }
    }

    /// Who gave what to whom, and from where, also through a proxy; and never a token.
    @Test(arguments: [false, true]) func sharesAndRefusalsAreKeptWithTheAddress(_ isProxied: Bool) async throws {
        try await Self.with(trustsProxies: isProxied) { service, trail in
            let from = isProxied ? "203.0.113.7" : "127.0.0.1"
            let headers = Self.headers.merging(
                isProxied
                    ? ["X-Forwarded-For": from, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "chat.example"] : [:]
            ) { $1 }
            func send(_ method: String, _ path: String, _ body: String? = nil) async throws -> Int {
                try await service.client.send(method, Self.path + path, headers: headers, body: body).status
            }
            #expect(try await send("PUT", "/members/u_2", #"{"role":"viewer"}"#) == 200)
            #expect(try await send("PUT", "/members/u_2", #"{"role":"captain"}"#) == 400)
            #expect(try await send("DELETE", "/members/u_2") == 204)
            #expect(try await send("DELETE", "/members/u_2") == 404)
            let link = try await service.client.send("POST", Self.path + "/links", headers: headers, body: "{}")
            #expect(link.status == 201)
            let (subject, url) = (try link.json["subject"]?.stringValue ?? "", try link.json["url"]?.stringValue)
            let place = isProxied ? "https://chat.example" : "http://127.0.0.1:\(service.client.port)"
            #expect(url == "\(place)\(Self.path)/members/\(subject)")
            let refused = try await service.client.get(
                Self.path + "/events", headers: headers.merging(["Authorization": "Bearer *"]) { $1 })
            #expect(refused.status == 401)
            let words = trail.words
            let thread = #""thread":"owner~t","subject":"#
            #expect(words.count == 4, "\(words)")
            #expect(words[0] == #"member.granted owner \#(from) {\#(thread)"u_2","role":"viewer"}"#)
            #expect(words[1] == #"member.removed owner \#(from) {\#(thread)"u_2"}"#)
            #expect(words[2].hasPrefix(#"link.made owner \#(from) {\#(thread)"link:"#), "\(words)")
            #expect(words[2].contains(#""role":"viewer","expires_at":"#))
            #expect(words[3] == #"auth.refused unknown \#(from) {"code":"auth.invalid","not_kept":0}"#)
            #expect(!words.contains { $0.contains("canary") })
        }
    }

    /// An operator who revokes what they are revoked by is told so, and it is kept.
    @Test(arguments: [#"{"user":"owner"}"#, #"{"key":"k_1"}"#, #"{"token_id":"j_1"}"#])
    func anOperatorRevokesItself(_ revocation: String) async throws {
        try await Self.with { service, trail in
            let operators = try #require(service.operators)
            let answer = try await operators.post("/v1/admin/revocations", revocation, headers: Self.headers)
            #expect(answer.status == 200, "\(answer)")
            #expect(trail.words.contains { $0.hasPrefix("access.revoked owner internal listener ") }, "\(trail.words)")
            let again = try await operators.get("/v1/admin/status", headers: Self.headers)
            #expect(try again.errorCode == "auth.revoked")
        }
    }

    /// Credentials that are revoked while their request is under way change no member.
    @Test(arguments: ["PUT", "DELETE", "POST"])
    func membersStayWithRevokedCredentials(_ method: String) async throws {
        let log = HeldMembersLog()
        try await Self.with(log: log) { service, trail in
            let first = try await service.client.send(
                "PUT", Self.path + "/members/u_2", headers: Self.headers, body: #"{"role":"viewer"}"#)
            #expect(first.status == 200)
            let before = try await log.members()
            log.hold()
            let place = method == "POST" ? "/links" : "/members/u_2"
            async let waiting = service.client.send(
                method, Self.path + place, headers: Self.headers,
                body: method == "DELETE" ? nil : #"{"role":"participant"}"#)
            await log.waitUntilHeld()
            let operators = try #require(service.operators)
            let revoked = try await operators.post(
                "/v1/admin/revocations", #"{"token_id":"j_1"}"#, headers: Self.headers)
            #expect(revoked.status == 200)
            log.release()
            let answer = try await waiting
            #expect(answer.status == 401)
            #expect(try answer.errorCode == "auth.revoked")
            #expect(try await log.members() == before)
            #expect(!trail.words.contains { $0.hasPrefix("member.removed") || $0.hasPrefix("link.made") })
        }
    }
}

/// The token is the user, and scopes after it; all have one id and one key.
private struct TokenNamingAuthenticator: Authenticator {
    private let naming = NamingAuthenticator()

    var needsCredentials: Bool { true }

    func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
        var principal = try await naming.authenticate(credentials)
        principal.token = TokenIdentity(issuer: "i_1", key: "k_1", id: "j_1")
        return principal
    }
}

/// A log that keeps who looks for members waiting, while a test says so.
private final class HeldMembersLog: ForwardingLog, StateStore {
    private struct State {
        var holds = false
        var held: CheckedContinuation<Void, Never>?
        var watcher: CheckedContinuation<Void, Never>?
    }

    let log = InMemoryEventLog(generations: .counting)
    private let state = Mutex(State())

    func hold() { state.withLock { $0.holds = true } }

    func waitUntilHeld() async {
        await withCheckedContinuation { watcher in
            let isHeld = state.withLock { state in
                if state.held == nil { state.watcher = watcher }
                return state.held != nil
            }
            if isHeld { watcher.resume() }
        }
    }

    func release() {
        let held = state.withLock { state in
            state.holds = false
            return state.held.take()
        }
        held?.resume()
    }

    func members() async throws -> [StoredValue] { try await log.loadAll(.member, thread: "owner~t") }

    private func wait(for kind: StoredValue.Kind) async {
        guard kind == .member else { return }
        await withCheckedContinuation { continuation in
            let (isHeld, watcher) = state.withLock { state in
                guard state.holds else { return (false, nil as CheckedContinuation<Void, Never>?) }
                state.held = continuation
                return (true, state.watcher.take())
            }
            if isHeld { watcher?.resume() } else { continuation.resume() }
        }
    }

    func load(_ kind: StoredValue.Kind, thread: ThreadID?, name: String) async throws(EventLogError) -> [UInt8]? {
        await wait(for: kind)
        return try await log.load(kind, thread: thread, name: name)
    }

    func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?) async throws(EventLogError) -> [StoredValue] {
        await wait(for: kind)
        return try await log.loadAll(kind, thread: thread)
    }

}
