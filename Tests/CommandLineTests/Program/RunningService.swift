import AgentEvents
import Foundation
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// `agent-events serve` on a free port, for the length of a scope.
struct RunningService: Sendable {
    let program: RunningProgram
    /// `127.0.0.1:40123`
    let authority: String
    /// The same of the listener for operators.
    let operators: String

    var streamURL: String { "ws://\(authority)/v1/stream" }

    /// Starts the service, and kills it at the end of the scope if it still runs.
    static func with<Result>(
        _ arguments: [String],
        _ body: (RunningService) async throws -> Result
    ) async throws -> Result {
        let program = try RunningProgram(["serve", "--port", "0", "--internal-listen", "127.0.0.1:0"] + arguments)
        defer { program.send(signal: SIGKILL) }
        let output = try await program.output(containing: "/metrics\n")
        let line = try #require(output.split(separator: "\n").first)
        let authority = try #require(line.split(separator: "http://").last)
        let internalLine = try #require(output.split(separator: "\n").first { $0.hasPrefix("for operators: ") })
        let operators = try #require(internalLine.split(separator: "http://").last?.split(separator: "/").first)
        return try await body(
            RunningService(program: program, authority: String(authority), operators: String(operators)))
    }

    /// Asks the service's agent something.
    func ask(_ question: String, in thread: String) async throws {
        let body: JSONValue = ["text": .string(question)]
        let url = try #require(URL(string: "http://\(authority)/v1/threads/\(thread)/messages"))
        var request = URLRequest(url: url)
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.httpBody = Data(body.encoded())
        let (data, response) = try await URLSession.shared.data(for: request)
        let status = (response as? HTTPURLResponse)?.statusCode
        #expect(status == 202, "\(String(decoding: data, as: UTF8.self))")
    }

    /// The events of a thread up to the end of a run, as `tail` writes them.
    func tail(_ thread: String, _ arguments: [String] = ["--until-end"]) async throws -> [String] {
        let outcome = try await Program.run(
            ["tail", thread, "--url", streamURL, "--after", "start", "--format", "json"] + arguments)
        #expect(outcome.status == 0, "\(outcome.error)")
        return outcome.lines
    }

    /// The numbers of a thread's events, at most 1000, as far as they are kept.
    func page(_ thread: String) async throws -> [UInt64] {
        try await events(thread).compactMap { $0["seq"]?.integerValue.map { UInt64($0) } }
    }

    /// A thread's events, at most 1000, as far as they are kept.
    func events(_ thread: String) async throws -> [JSONValue] {
        let url = try #require(URL(string: "http://\(authority)/v1/threads/\(thread)/events?after=start&limit=1000"))
        let (data, _) = try await URLSession.shared.data(from: url)
        return try #require(try JSONValue(parsing: Array(data))["events"]?.arrayValue)
    }

    /// What the service says of itself and its sinks.
    func ready() async throws -> JSONValue {
        try JSONValue(parsing: Array(try await asOperator("/ready").utf8))
    }

    /// What the listener for operators answers.
    func asOperator(_ path: String) async throws -> String {
        let url = try #require(URL(string: "http://\(operators)\(path)"))
        let (data, _) = try await URLSession.shared.data(from: url)
        return String(decoding: data, as: UTF8.self)
    }

    /// Emits lines.
    func emit(_ lines: [String], thread: String, _ arguments: [String] = []) async throws -> Program.Outcome {
        try await Program.run(
            ["emit", "--url", streamURL, "--thread", thread] + arguments,
            input: lines.map { $0 + "\n" }.joined())
    }
}
