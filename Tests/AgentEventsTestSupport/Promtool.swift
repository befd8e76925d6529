import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Prometheus' own checks of metrics and rules; `make` unpacks them to `.build/tools`.
package enum Promtool {
    /// `nil` when there is none.
    package static let path: String? = [
        ".build/tools/usr/bin/promtool", "/usr/bin/promtool", "/usr/local/bin/promtool",
    ].first { FileManager.default.isExecutableFile(atPath: $0) }

    /// - Parameter arguments: plain words.
    /// - Returns: what it finds wrong; empty when it is content.
    package static func check(_ arguments: [String], input: String = "") throws -> String {
        guard let path else { throw CocoaError(.fileNoSuchFile) }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try Data(input.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        // Foundation's Process needs a thread that stays.
        let command =
            "'\(path)' \(arguments.map { "'\($0)'" }.joined(separator: " ")) <'\(file.path)' 2>&1; echo \"exit $?\""
        guard let output = popen(command, "r") else { throw CocoaError(.fileReadUnknown) }
        defer { pclose(output) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&buffer, 1, buffer.count, output)
            if count == 0 { break }
            text += buffer[..<count]
        }
        let said = String(decoding: text, as: UTF8.self)
        return said.hasSuffix("exit 0\n") ? "" : said
    }
}
