import Foundation

/// A folder for the length of a scope, with a name that is short enough for the paths of unix sockets.
func withTestFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let name = "ae-\(String(UInt64.random(in: 0 ... .max), radix: 36))"
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}
