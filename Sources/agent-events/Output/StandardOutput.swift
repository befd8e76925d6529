internal import Foundation

/// The program's results, each line written at once.
enum StandardOutput {
    /// - Throws: ``OutputClosedError`` when nobody reads any longer, as in `… | head`.
    static func write(_ line: String) throws { try write(Array(line.utf8)) }

    /// Writes bytes as they are, and the end of the line.
    static func write(_ bytes: [UInt8]) throws {
        do {
            try FileHandle.standardOutput.write(contentsOf: bytes + [0x0A])
        } catch {
            throw OutputClosedError()
        }
    }

    /// Whether a person sees the output, and has nothing against colours.
    static var showsColours: Bool {
        isatty(STDOUT_FILENO) == 1 && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
    }
}

/// The reader of the program's output has gone. That is not a fault: the program ends quietly.
struct OutputClosedError: Error {}
