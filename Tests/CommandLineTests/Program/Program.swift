import Foundation
import Testing

/// The real program, run as a process of its own.
enum Program {
    struct Outcome: Sendable {
        let status: Int32
        let output: String
        let error: String

        var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    struct TooLateError: Error, CustomStringConvertible {
        let description: String
    }

    /// Beside the test bundle.
    static let url: URL = {
        #if os(macOS)
            let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }
            let folder = bundle?.bundleURL.deletingLastPathComponent() ?? URL(fileURLWithPath: ".")
        #else
            let folder = URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0]).deletingLastPathComponent()
        #endif
        return folder.appendingPathComponent("agent-events")
    }()

    /// Runs a command to its end.
    static func run(_ arguments: [String], input: String = "", seconds: Double = 300) async throws -> Outcome {
        let running = try RunningProgram(arguments)
        try running.write(input)
        return try await running.outcome(seconds: seconds)
    }
}
