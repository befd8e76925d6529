internal import Foundation

/// One line at a time for the person at the terminal, apart from the program's results.
enum StandardError {
    static func write(_ line: String) {
        // There is nobody left to tell when this fails.
        try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
    }
}
