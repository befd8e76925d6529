import Foundation

/// Recorded threads, in the folder Recordings beside the tests: what the program recorded, and golden files.
enum Recording {
    /// The lines of a recording, which are the bytes of its events.
    static func lines(of name: String) throws -> [String] {
        try text(of: "\(name).ndjson").split(separator: "\n").map(String.init)
    }

    static func text(of file: String) throws -> String {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return String(decoding: try Data(contentsOf: folder.appending(path: "Recordings/\(file)")), as: UTF8.self)
    }
}
