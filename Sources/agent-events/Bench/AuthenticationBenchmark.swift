internal import AgentEvents
internal import AgentEventsHub
internal import AgentEventsTokens
internal import Foundation
internal import Logging

/// Measures what it costs to find out who a connection is: with keys that are there, the signature of a token that comes for the
/// first time, and a token that has been checked before.
struct AuthenticationBenchmark {
    let seconds: Double
    let folder: URL

    /// The cost of one connection, in microseconds of processor time.
    static let budget = 200.0

    func run() async throws -> [BenchReport] {
        let secret = String(repeating: "benchmark ", count: 4)
        let secretPath = folder.appendingPathComponent("secret").path
        try Data(secret.utf8).write(to: URL(fileURLWithPath: secretPath))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: secretPath)
        let setPath = folder.appendingPathComponent("keys.json").path
        try Data(BenchTokens.keySet.utf8).write(to: URL(fileURLWithPath: setPath))
        let time = Timestamp(milliseconds: BenchTokens.issuedAt * 1000)
        var content = TokenMaker.Content(
            user: "u_bench", issuedAt: time, expiresAt: Timestamp(milliseconds: time.milliseconds + 86_400_000))
        content.audience = BenchTokens.audience
        let own = try await TokenMaker(secretFile: secretPath).token(content)
        var reports = [try await measure(own, .hs256, .secretFile(secretPath, .hs256))]
        for (algorithm, token) in BenchTokens.signed {
            reports.append(try await measure(token, algorithm, .keySetFile(setPath)))
        }
        return reports
    }

    private func measure(
        _ token: String,
        _ algorithm: TokenAlgorithm,
        _ keys: TokenIssuer.Keys
    ) async throws -> BenchReport {
        var environment = Environment.system
        environment.wallClock = WallClock { Timestamp(milliseconds: (BenchTokens.issuedAt + 60) * 1000) }
        let authenticator = try await TokenAuthenticator(
            TokenConfiguration(issuers: [TokenIssuer(audiences: [BenchTokens.audience], keys: keys)]),
            environment: environment, logger: Logger(label: "bench"))
        let credentials = Credentials(token: token, path: "/v1/stream")
        let first = try await cost {
            authenticator.forgetTokens()
            _ = try await authenticator.authenticate(credentials)
        }
        let again = try await cost { _ = try await authenticator.authenticate(credentials) }
        return BenchReport(
            "token, \(algorithm.rawValue)",
            "\(BenchLine.rate(1, first)) checked in a second of processor time, \(BenchLine.rate(1, again)) known again",
            "\(BenchLine.microseconds(first)) and \(BenchLine.microseconds(again)) a connection; budget "
                + "\(Int(Self.budget)) us",
            ["first_cpu_us": first * 1e6, "again_cpu_us": again * 1e6])
    }

    /// The processor time of one, in seconds.
    private func cost(_ body: () async throws -> Void) async throws -> Double {
        // The first ones find caches and branches cold.
        for _ in 0..<100 { try await body() }
        let now = Environment.system.monotonicNow
        let deadline = now() + .seconds(seconds / 8)
        let start = ProcessorTime.ofThisProcess()
        var count = 0
        repeat {
            for _ in 0..<50 { try await body() }
            count += 50
        } while now() < deadline
        return (ProcessorTime.ofThisProcess() - start) / Double(count)
    }
}
