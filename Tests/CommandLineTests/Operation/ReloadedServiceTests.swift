import AgentEvents
import AgentEventsHub
import Foundation
import Testing

@testable import agent_events

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A service with tokens, share links and settings in a file, as its operator has it.
struct TokenService {
    let service: RunningService
    let folder: TemporaryFolder

    static let secret = String(repeating: "s", count: 40)

    /// - Parameter settings: lines of the file of settings.
    static func with<Result>(
        settings: String = "",
        _ arguments: [String] = [],
        in folder: TemporaryFolder,
        _ body: (TokenService) async throws -> Result
    ) async throws -> Result {
        try writeSecret(secret, in: folder)
        try folder.write("settings.yaml", "heartbeat: 20\n" + settings)
        let words = [
            "--config", "\(folder.path)/settings.yaml", "--auth", "jwt", "--jwt-secret-file", "\(folder.path)/secret",
        ]
        let place = arguments.contains("--in-memory") ? [] : ["--data", "\(folder.path)/data"]
        return try await RunningService.with(words + place + arguments) { service in
            try await body(TokenService(service: service, folder: folder))
        }
    }

    static func writeSecret(_ text: String, _ name: String = "secret", in folder: TemporaryFolder) throws {
        let path = try folder.write(name, text + "\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }

    func token(_ user: String, _ scopes: [String] = ["read", "command", "open", "share"], by name: String = "secret")
        async throws -> String
    {
        let words = ["token", "make", "--user", user, "--secret-file", "\(folder.path)/\(name)"]
        let made = try await Program.run(words + scopes.flatMap { ["--scope", $0] })
        #expect(made.status == 0, "\(made.error)")
        return try #require(made.lines.first)
    }

    func ask(
        _ method: String, _ path: String, _ token: String?, _ body: String? = nil, origin: String? = nil
    ) async throws -> (status: Int, json: JSONValue) {
        let authority = path.hasPrefix("/v1/admin") || path == "/metrics" ? service.operators : service.authority
        var request = URLRequest(url: try #require(URL(string: "http://\(authority)\(path)")))
        request.httpMethod = method
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        if let origin { request.setValue(origin, forHTTPHeaderField: "Origin") }
        if let body {
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            request.httpBody = Data(body.utf8)
        }
        let (data, response) = try await URLSession.shared.data(for: request)
        let status = try #require((response as? HTTPURLResponse)?.statusCode)
        return (status, (try? JSONValue(parsing: Array(data))) ?? .null)
    }

    func read(_ token: String, _ thread: String = "owner~t", origin: String? = nil) async throws -> Int {
        try await ask("GET", "/v1/threads/\(thread)/events", token, origin: origin).status
    }

    /// The owner opens the thread.
    func emitAsOwner() async throws {
        let token = try await token("owner", ["emit", "open"])
        let event = #"{"type":"custom","data":{"name":"n","value":1}}"#
        let file = try folder.write("token", "\(token)\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
        let open = try await service.emit([event], thread: "owner~t", ["--token-file", file])
        #expect(open.status == 64 && open.error.contains("chmod 600 \(file)"), "\(open)")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        let emitted = try await service.emit([event], thread: "owner~t", ["--token-file", file])
        #expect(emitted.status == 0, "\(emitted.error)")
    }

    func makeLink(_ owner: String) async throws -> String {
        let made = try await ask("POST", "/v1/threads/owner~t/links", owner, "{}")
        #expect(made.status == 201, "\(made)")
        return try #require(made.json["token"]?.stringValue)
    }

    /// Sends SIGHUP, and waits until so many reloads were taken, or refused.
    func reload(taken: Int = 0, refused: Int = 0) async throws {
        service.program.send(signal: SIGHUP)
        // Both are said at a level that is logged by default.
        try await service.program.waitForError { text in
            let lines = text.split(separator: "\n")
            return lines.count { $0.hasSuffix(" reloaded") } >= taken
                && lines.count { $0.contains("not reloaded") } >= refused
        }
    }
}

@Suite(.timeLimit(.minutes(10))) struct ShareLinkServiceTests {
    /// A link is good for its thread alone, also after a restart; the secret stays in the data folder, for its owner.
    @Test func aLinkOutlivesARestart() async throws {
        try await TemporaryFolder.with { folder in
            let link = try await TokenService.with(in: folder) { stage in
                try await stage.emitAsOwner()
                let owner = try await stage.token("owner")
                let link = try await stage.makeLink(owner)
                #expect(try await stage.read(link) == 200)
                #expect(try await stage.read(link, "owner~other") == 404)
                #expect(try await stage.ask("POST", "/v1/threads/owner~t/links", link, "{}").status == 403)
                return link
            }
            let path = "\(folder.path)/data/link-secret"
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            let secret = FileManager.default.contents(atPath: path)
            try await TokenService.with(in: folder) { stage in
                #expect(try await stage.read(link) == 200)
                #expect(FileManager.default.contents(atPath: path) == secret)
                // The member that the link is can be removed.
                let owner = try await stage.token("owner")
                let members = try await stage.ask("GET", "/v1/threads/owner~t/members", owner).json["members"]
                let subject = try #require(members?.arrayValue?.first?["subject"]?.stringValue)
                let gone = try await stage.ask("DELETE", "/v1/threads/owner~t/members/\(subject)", owner)
                #expect(gone.status == 204)
                #expect(try await stage.read(link) == 404)
            }
        }
    }

    /// Two machines with one file; in memory the secret ends with the process.
    @Test func aSecretCanBeShared() async throws {
        try await TemporaryFolder.with { folder in
            try TokenService.writeSecret(String(repeating: "l", count: 40), "links", in: folder)
            let arguments = ["--in-memory", "--link-secret-file", "\(folder.path)/links"]
            func link(_ arguments: [String]) async throws -> (made: String, isTaken: Bool) {
                try await TokenService.with(arguments, in: folder) { stage in
                    try await stage.emitAsOwner()
                    let made = try await stage.makeLink(try await stage.token("owner"))
                    return (made, try await stage.read(made) == 200)
                }
            }
            let first = try await link(arguments)
            #expect(first.isTaken)
            try await TokenService.with(arguments, in: folder) { stage in
                // It is of this secret, and of no member.
                let status = try await stage.read(first.made)
                #expect(status == 404)
            }
            try await TokenService.with(["--in-memory"], in: folder) { stage in
                let status = try await stage.read(first.made)
                #expect(status == 401)
            }
        }
    }

    @Test(arguments: [
        ["--auth", "jwt", "--jwt-secret-file", "s", "--jwt-issuer", "agent-events"], ["--link-secret-file", "s"],
    ])
    func whatHasNoMeaningIsRefused(_ arguments: [String]) async throws {
        #expect(try await Program.run(["serve", "--in-memory"] + arguments).status == 64)
    }
}

@Suite(.timeLimit(.minutes(10))) struct ReloadedServiceTests {
    /// SIGHUP: keys, origins, limits and the level of the log; and the connection of a key that is gone.
    @Test func settingsAndKeysAreTakenTogether() async throws {
        try await TemporaryFolder.with { folder in
            let settings = "allowed-origin: [https://a.example]\n"
            try await TokenService.with(settings: settings, in: folder) { stage in
                try await stage.emitAsOwner()
                let old = try await stage.token("owner")
                #expect(try await stage.read(old, origin: "https://a.example") == 200)
                #expect(try await stage.read(old, origin: "https://b.example") == 403)
                // It follows until its key is gone. One whose key is not missed ends with what comes next, and well.
                let tail = try RunningProgram(
                    [
                        "tail", "owner~t", "--url", stage.service.streamURL, "--token", old, "--after", "start",
                        "--count", "2",
                    ])
                defer { tail.send(signal: SIGKILL) }
                _ = try await tail.output(containing: "custom")

                try folder.write(
                    "settings.yaml",
                    "heartbeat: 20\nallowed-origin: [https://b.example]\nlog-level: info\n")
                try TokenService.writeSecret(String(repeating: "n", count: 40), in: folder)
                try await stage.reload(taken: 1)
                try await stage.emitAsOwner()
                let ended = try await tail.outcome()
                #expect(ended.status != 0)
                #expect(ended.error.contains("auth."), "\(ended.error)")
                let new = try await stage.token("owner")
                #expect(try await stage.read(old) == 401)
                #expect(try await stage.read(new, origin: "https://a.example") == 403)
                #expect(try await stage.read(new, origin: "https://b.example") == 200)

                // The key is back, and counts; and there is one connection too many.
                try TokenService.writeSecret(TokenService.secret, in: folder)
                try folder.write(
                    "settings.yaml", "heartbeat: 20\nmax-connections-per-user: 1\n")
                try await stage.reload(taken: 2)
                #expect(try await stage.read(old) == 200)
                let first = try RunningProgram(
                    ["tail", "owner~t", "--url", stage.service.streamURL, "--token", old, "--after", "start"])
                defer { first.send(signal: SIGKILL) }
                _ = try await first.output(containing: "custom")
                let second = try RunningProgram(
                    ["tail", "owner~t", "--url", stage.service.streamURL, "--token", old, "--after", "start"])
                defer { second.send(signal: SIGKILL) }
                let hits = #"agent_events_limit_hits_total{action="closed",limit="user_connections"} "#
                var metrics = try await stage.service.asOperator("/metrics")
                #expect(metrics.contains(hits))
                while metrics.contains(hits + "0\n") { metrics = try await stage.service.asOperator("/metrics") }
                #expect(metrics.contains("agent_events_reloads_total 2\n"))
                #expect(metrics.contains("agent_events_reload_failures_total 0\n"))
                let audit = try String(contentsOfFile: "\(folder.path)/data/audit.ndjson", encoding: .utf8)
                #expect(audit.components(separatedBy: #""what":"settings.reloaded""#).count == 3, "\(audit)")
                #expect(audit.contains(#""changed":["allowed-origin","log-level"]"#), "\(audit)")
                // The first key, and then the second one.
                #expect(audit.components(separatedBy: #""what":"key.removed""#).count == 3, "\(audit)")
            }
        }
    }

    /// One thing that is wrong keeps everything, is one line of the log, and is counted once.
    @Test(arguments: ["secret", "settings", "origin", "links"])
    func whatIsWrongChangesNothing(_ fault: String) async throws {
        try await TemporaryFolder.with { folder in
            let settings = "allowed-origin: [https://a.example]\n"
            try await TokenService.with(settings: settings, in: folder) { stage in
                try await stage.emitAsOwner()
                let old = try await stage.token("owner")
                let link = try await stage.makeLink(old)
                // What is right beside it is not taken either.
                try folder.write("settings.yaml", "heartbeat: 20\nallowed-origin: [https://b.example]\n")
                try TokenService.writeSecret(String(repeating: "n", count: 40), in: folder)
                switch fault {
                case "secret": try TokenService.writeSecret("short", in: folder)
                case "settings":
                    try folder.write("settings.yaml", "heartbeat: 20\nallowed-orgin: [https://b.example]\n")
                case "origin": try folder.write("settings.yaml", "heartbeat: 20\nallowed-origin: [b.example]\n")
                default: try TokenService.writeSecret("short", "data/link-secret", in: folder)
                }
                try await stage.reload(refused: 1)
                #expect(try await stage.read(old, origin: "https://a.example") == 200)
                #expect(try await stage.read(old, origin: "https://b.example") == 403)
                #expect(try await stage.read(link) == 200)
                let metrics = try await stage.service.asOperator("/metrics")
                #expect(metrics.contains("agent_events_reload_failures_total 1\n"))
                #expect(metrics.contains("agent_events_reloads_total 0\n"))
                let lines = stage.service.program.errorText.split(separator: "\n")
                #expect(lines.count { $0.contains(" error ") } == 1, "\(lines)")
                let audit = try String(contentsOfFile: "\(folder.path)/data/audit.ndjson", encoding: .utf8)
                #expect(audit.contains(#""what":"settings.refused""#), "\(audit)")
            }
        }
    }
}
