import Foundation
import Testing

@testable import agent_events

struct DoctorTests {
    private typealias Place = Diagnosis.Place

    private static func folder(_ mode: UInt16 = 0o700, isWritable: Bool = true, isFolder: Bool = true)
        -> Diagnosis.Place
    {
        Diagnosis.Place(path: "d", isFolder: isFolder, isWritable: isWritable, mode: mode, owner: 1000, user: 1000)
    }

    @Test func folders() {
        func levels(_ place: Diagnosis.Place?, parent: Bool = true) -> [Finding.Level] {
            Diagnosis.dataFolder("d", place, parentIsWritable: parent).map(\.level)
        }
        #expect(levels(nil) == [.good])
        #expect(levels(nil, parent: false) == [.problem])
        #expect(levels(Self.folder()) == [.good])
        #expect(levels(Self.folder(isFolder: false)) == [.problem])
        #expect(levels(Self.folder(0o755, isWritable: false)) == [.problem, .warning])
    }

    @Test(arguments: [
        (500, 1000, Finding.Level.good), (90, 1000, .warning), (10, 1000, .problem), (63, 100, .problem),
    ])
    func disks(_ free: Int64, _ capacity: Int64, _ level: Finding.Level) {
        #expect(Diagnosis.disk(DiskSpace(free: free << 20, capacity: capacity << 20), of: "d").level == level)
    }

    @Test func certificates() {
        func level(_ secondsLeft: Int64) -> Finding.Level {
            Diagnosis.certificate(until: "then", secondsLeft: secondsLeft).level
        }
        #expect(level(-1) == .problem)
        #expect(level(0) == .problem)
        #expect(level(1) == .warning)
        #expect(level(14 * 86_400 - 1) == .warning)
        #expect(level(14 * 86_400) == .good)
    }

    @Test func encryption() {
        func level(_ isLoopback: Bool, _ hasTLS: Bool, _ hasProxies: Bool) -> Finding.Level {
            Diagnosis.encryption("h", isLoopback: isLoopback, hasTLS: hasTLS, hasProxies: hasProxies).level
        }
        #expect(level(true, false, false) == .good)
        #expect(level(false, true, false) == .good)
        #expect(level(false, false, true) == .good)
        #expect(level(false, false, false) == .warning)
    }

    @Test func keys() {
        func levels(_ count: Int?, _ problems: [String]) -> [Finding.Level] {
            Diagnosis.keys("f", count: count, problems: problems).map(\.level)
        }
        #expect(levels(nil, ["it is not there"]) == [.problem])
        #expect(levels(0, ["it is short", "it is private"]) == [.problem])
        #expect(levels(1, []) == [.good])
        #expect(levels(2, ["it is short"]) == [.good, .warning])
    }

    @Test(
        arguments: [
            (#"{"keys":[]}"#, 1, "there is no key of tokens at "), ("{}", 1, "the member keys"),
            (
                #"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#, 0,
                "with 1 keys"
            ),
        ] as [(String, Int32, String)])
    func theKeysOfTokensAreLookedAt(_ set: String, _ status: Int32, _ text: String) async throws {
        try await TemporaryFolder.with { folder in
            try folder.write("keys.json", set)
            let words = ["doctor", "--in-memory", "--port", "0", "--auth", "jwt", "--jwt-audience", "here", "--jwks"]
            let outcome = try await Program.run(words + ["\(folder.path)/keys.json"])
            #expect(outcome.status == status, "\(outcome)")
            #expect(outcome.output.contains(text), "\(outcome.output)")
        }
    }

    @Test func filesOfEvents() {
        func level(_ problem: String?, _ foreign: String?, user: UInt32) -> Finding.Level {
            Diagnosis.fileSink("f", problem: problem, foreign: foreign, user: user).level
        }
        #expect(level(nil, nil, user: 0) == .good)
        #expect(level("it is open", nil, user: 0) == .problem)
        #expect(level("it is open", "it is foreign", user: 0) == .problem)
        #expect(level(nil, "it is foreign", user: 1000) == .problem)
        // Root looks at the files of a service that has a user of its own.
        #expect(level(nil, "it is foreign", user: 0) == .warning)
    }

    @Test func otherThings() {
        #expect(Diagnosis.disk(nil, of: "d").level == .warning)
        #expect(Diagnosis.descriptors(1024).level == .warning)
        #expect(Diagnosis.descriptors(65_536).level == .good)
        #expect(Diagnosis.clock(year: 1970, secondsBehindFiles: nil).level == .problem)
        #expect(Diagnosis.clock(year: 2027, secondsBehindFiles: 3600).level == .problem)
        #expect(Diagnosis.clock(year: 2027, secondsBehindFiles: 1).level == .good)
        #expect(Diagnosis.port("x", "h", 1, error: nil).level == .good)
        #expect(Diagnosis.port("x", "h", 1, error: "in use").level == .problem)
        #expect(Diagnosis.secret("s", "f", nil, byteCount: nil).map(\.level) == [.problem])
        #expect(Diagnosis.secret("s", "f", Self.folder(0o644), byteCount: 3).map(\.level) == [.problem, .problem])
        #expect(Diagnosis.secret("s", "f", Self.folder(0o600), byteCount: 32).map(\.level) == [.good])
        #expect(Diagnosis.secret("s", "f", Self.folder(0o600), byteCount: 32, minimum: 48).map(\.level) == [.problem])
        #expect(Diagnosis.webhook(isSafe: true, host: "h").level == .good)
        #expect(Diagnosis.webhook(isSafe: false, host: "h").level == .warning)
        #expect(Diagnosis.certificate(until: "x", secondsLeft: 13 * 86_400).level == .warning)
        #expect(Diagnosis.certificate(until: "x", secondsLeft: 15 * 86_400).level == .good)
        #expect(Diagnosis.audit("a", count: nil, fault: nil).level == .problem)
        #expect(Diagnosis.audit("a", count: 3, fault: nil).level == .good)
        #expect(Diagnosis.audit("a", count: 3, fault: "line 2: x").level == .warning)
        #expect(Diagnosis.files([Self.folder(0o600), Self.folder(0o640)]).level == .warning)
        #expect(Diagnosis.files([Self.folder(0o600)]).level == .good)
    }

    @Test func eachFindingThatIsNotGoodSaysWhatToDo() async throws {
        try await TemporaryFolder.with { folder in
            try folder.write("secret", "short\n")
            let outcome = try await Program.run([
                "doctor", "--data", "\(folder.path)/data", "--webhook", "http://127.0.0.1:1/", "--webhook-secret-file",
                "\(folder.path)/secret", "--port", "0",
            ])
            #expect(outcome.status == 1, "\(outcome)")
            #expect(outcome.output.contains("problem  --webhook-secret-file: \(folder.path)/secret has 5 bytes"))
            for (line, next) in zip(outcome.lines, outcome.lines.dropFirst() + [""]) {
                if line.hasPrefix("warning") || line.hasPrefix("problem") { #expect(next.hasPrefix("         ")) }
            }
        }
    }

    /// By the doctor, and by the service when it starts.
    @Test(
        arguments: [
            (["--webhook", "http://192.0.2.1/x"], "the events that go to the webhook at 192.0.2.1 cross the network"),
            (["--webhook", "https://192.0.2.1/x"], nil), (["--webhook", "http://127.0.0.1:1/x"], nil),
            (["--auth", "jwt", "--host", "0.0.0.0"], "tokens cross the network at 0.0.0.0 as they are"),
            (["--auth", "jwt", "--host", "127.0.0.1"], nil),
        ] as [([String], String?)])
    func whatOthersMayReadIsSaid(_ options: [String], _ expected: String?) async throws {
        try await TemporaryFolder.with { folder in
            let secret = try folder.write("secret", String(repeating: "x", count: 48))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: secret)
            let option = options[0] == "--webhook" ? "--webhook-secret-file" : "--jwt-secret-file"
            let arguments = ["--in-memory", "--port", "0", option, secret] + options
            let outcome = try await Program.run(["doctor"] + arguments)
            let warnings = outcome.lines.filter { $0.hasPrefix("warning  ") && $0.contains("network") }
            #expect(warnings.count == (expected == nil ? 0 : 1), "\(outcome)")
            if let expected { #expect(warnings.first?.contains(expected) == true, "\(outcome)") }
            let service = try RunningProgram(["serve"] + arguments)
            _ = try await service.output(containing: "listening on")
            service.send(signal: SIGTERM)
            let log = try await service.outcome().error
            #expect(log.contains("cross the network") == (expected != nil), "\(log)")
        }
    }

    /// With keys of an issuer that makes tokens for others, too. With an address of keys it is refused (`HelpTests`).
    @Test(arguments: [true, false]) func tokensForOtherServicesAreTold(hasAudience: Bool) async throws {
        try await TemporaryFolder.with { folder in
            let set = #"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#
            let keys = try folder.write("keys.json", set)
            let arguments =
                ["--in-memory", "--port", "0", "--auth", "jwt", "--jwks", keys]
                + (hasAudience ? ["--jwt-audience", "chat"] : [])
            let words = "tokens that the issuer of \(keys) makes for other services count here too"
            let outcome = try await Program.run(["doctor"] + arguments)
            #expect(outcome.status == 0)
            #expect(outcome.output.contains("warning  \(words)") == !hasAudience, "\(outcome)")
            #expect(outcome.output.contains("set --jwt-audience to") == !hasAudience, "\(outcome)")
            let service = try RunningProgram(["serve"] + arguments)
            _ = try await service.output(containing: "listening on")
            service.send(signal: SIGTERM)
            let log = try await service.outcome().error
            #expect(log.contains(words) == !hasAudience, "\(log)")
        }
    }

    @Test func whoMayUseItIsSaid() async throws {
        let open = try await Program.run(["doctor", "--in-memory", "--port", "0"])
        #expect(open.status == 0)
        #expect(open.output.contains("ok       everybody on this machine may use it"), "\(open)")
        let exposed = try await Program.run(["doctor", "--in-memory", "--port", "0", "--host", "0.0.0.0"])
        #expect(exposed.status == 1)
        #expect(exposed.output.contains("problem  without authentication everybody"), "\(exposed)")
        let bad = try await Program.run([
            "doctor", "--in-memory", "--port", "0", "--tls-certificate", "/none", "--tls-key", "/none",
        ])
        #expect(bad.status == 1)
        #expect(bad.output.contains("problem  TLS needs a certificate"), "\(bad)")
    }

    /// By the doctor, and by the service, which begins nothing.
    @Test(arguments: ["--listen", "--metrics-listen"]) func aHostThatIsNotKnownIsTold(option: String) async throws {
        try await TemporaryFolder.with { folder in
            try TokenService.writeSecret(TokenService.secret, in: folder)
            let place = option == "--listen" ? [] : ["--port", "0"]
            let arguments =
                ["--in-memory", "--auth", "jwt", "--jwt-secret-file", "\(folder.path)/secret"] + place
                + [option, "300.1.1.1:9464"]
            let words = "300.1.1.1 is not a name or an address that is known here"
            let refused = try await Program.run(["serve"] + arguments)
            #expect(refused.status == 64 && refused.error.contains("error: \(words)"), "\(refused)")
            #expect(refused.output.isEmpty, "\(refused)")
            let told = try await Program.run(["doctor"] + arguments)
            #expect(told.status == 1, "\(told)")
            #expect(told.output.contains("300.1.1.1:9464 cannot be listened on: \(words)"), "\(told)")
        }
    }

    @Test func aRunningServiceHasItsPorts() async throws {
        try await TemporaryFolder.with { folder in
            try await RunningService.with(["--data", "\(folder.path)/data"]) { service in
                let port = try #require(service.authority.split(separator: ":").last)
                let arguments = ["doctor", "--data", "\(folder.path)/data", "--port", "\(port)"]
                let taken = try await Program.run(arguments)
                #expect(taken.status == 1)
                #expect(taken.output.contains("cannot be listened on"), "\(taken.output)")
                let running = try await Program.run(arguments + ["--running"])
                #expect(running.output.contains("the files of events are for this user only"), "\(running.output)")
                #expect(running.output.contains("the audit trail has 1 entries"), "\(running.output)")
                #expect(running.output.contains("is this user's, and writable"), "\(running.output)")
            }
        }
    }
}
