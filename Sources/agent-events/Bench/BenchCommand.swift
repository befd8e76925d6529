import AgentEvents
import AgentEventsFileLog
import ArgumentParser
import Foundation

/// `agent-events bench`: the figures that the design sets budgets for.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure emission, commits, replay, memory and the check of tokens on this machine.",
        discussion: """
            Builds nothing and needs no server; the log is written to a temporary folder and removed. Use a release build.

            EXAMPLE: agent-events bench --stored 1000000
            """
    )

    @Argument(help: "What is measured. Default: everything.")
    var parts: [BenchPart] = []

    @Option(help: "How long the emission and commit figures are taken, in seconds.")
    var seconds: Double = 5

    @Option(help: "How many events are stored before the replay is timed.")
    var stored: Int = 10_000_000

    @Option(help: "How long the answer is that is emitted in pieces of 4 bytes, in bytes.")
    var answer: Int = 1 << 20

    @Option(help: "How many subscribers an event goes to.")
    var subscribers: Int = 1000

    @Option(help: "How many contexts are opened.")
    var threads: Int = 100_000

    @Option(help: "How long the text of each emitted event is, in bytes. Default: 200 bytes for the whole event.")
    var textBytes: Int?

    @Flag(help: "Print one JSON object a measurement.")
    var json = false

    @Option(help: "Where the temporary log goes.")
    var folder: String = NSTemporaryDirectory()

    func validate() throws {
        guard seconds > 0, seconds <= 600 else { throw ValidationError("--seconds is between 0 and 600") }
        guard stored >= 10_000 else { throw ValidationError("--stored is at least 10000") }
        guard 1...100_000 ~= subscribers else { throw ValidationError("--subscribers is between 1 and 100000") }
        guard 1...2_000_000 ~= threads else { throw ValidationError("--threads is between 1 and 2000000") }
        guard textBytes.map({ 1...500_000 ~= $0 }) ?? true else {
            throw ValidationError("--text-bytes is between 1 and 500000")
        }
        guard answer >= 1024, answer <= 1 << 26 else { throw ValidationError("--answer is between 1024 and 67108864") }
    }

    func run() async throws {
        if !json { print("agent-events bench: events of 200 bytes; budgets in parentheses") }
        // In a child task: from top-level code each hop to an actor would leave the main executor and hide everything.
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await measure() }
            try await group.waitForAll()
        }
    }

    private func measure() async throws {
        for part in BenchPart.allCases where parts.isEmpty || parts.contains(part) {
            switch part {
            case .emit:
                report(try await EmitBenchmark(seconds: seconds, textByteCount: textBytes).run())
            case .commit:
                for durability in [FileEventLog.Durability.process, .disk] {
                    try await inTemporaryFolder { folder in
                        report(
                            try await CommitBenchmark(seconds: seconds, durability: durability, folder: folder).run())
                    }
                }
            case .replay:
                try await inTemporaryFolder { folder in
                    report(try await ReplayBenchmark(stored: stored, folder: folder).run())
                }
            case .context:
                report(try await ContextBenchmark(count: threads).run())
            case .remote:
                report(try await RemoteBenchmark(byteCount: answer).run())
            case .subscribers:
                report(try await SubscriberBenchmark(count: subscribers, seconds: seconds).run())
            case .endedRuns:
                try await inTemporaryFolder { folder in
                    report(try await EndedRunsBenchmark(folder: folder).run())
                }
            case .authentication:
                try await inTemporaryFolder { folder in
                    for measured in try await AuthenticationBenchmark(seconds: seconds, folder: folder).run() {
                        report(measured)
                    }
                }
            }
        }
    }

    private func report(_ measured: BenchReport) { print(json ? measured.json : measured.text) }

    private func inTemporaryFolder(_ body: (URL) async throws -> Void) async throws {
        try await BenchFolder.within(folder, body)
    }
}

/// A folder for a log that is measured.
enum BenchFolder {
    /// Makes a folder, and removes it afterwards.
    static func within(_ parent: String, _ body: (URL) async throws -> Void) async throws {
        let url = URL(fileURLWithPath: parent).appendingPathComponent("agent-events-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        do {
            try await body(url)
        } catch {
            try FileManager.default.removeItem(at: url)
            throw error
        }
        try FileManager.default.removeItem(at: url)
    }
}

/// A part of the benchmark.
enum BenchPart: String, CaseIterable, ExpressibleByArgument, Sendable {
    case emit, commit, replay, context, remote, subscribers, authentication
    case endedRuns = "ended-runs"
}
