import AgentEvents
import AgentEventsFiles
import Foundation
import Testing

/// A file sink whose events are for its user alone. Who may write to its folder may give it another file at any time.
struct PrivateFileSinkTests {
    private static func batch(_ sequence: UInt64) -> SinkBatch {
        let id = EventID(generation: 1, sequence: sequence)
        return SinkBatch(events: [StoredEvent(thread: "t_1", id: id, bytes: Array("event \(sequence)".utf8))])
    }

    private static func withFolder(_ body: (_ path: String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    private static func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }

    @Test(arguments: [0o644, 0o606, 0o660]) func aFileThatOthersMayUseGetsNothing(mode: Int) async throws {
        try await Self.withFolder { folder in
            let path = "\(folder)/events"
            try Data("torn".utf8).write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            let sink = FileSink(path: path, isPrivate: true, files: RealFileSystem())
            let error = await #expect(throws: SinkError.self) { try await sink.receive(Self.batch(1)) }
            #expect(error?.code == .fileUnavailable && error?.message.contains("chmod 600 \(path)") == true)
            // Nor is it changed.
            #expect(Self.text(path) == "torn")
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            try await sink.receive(Self.batch(1))
            #expect(Self.text(path) == "event 1\n")
        }
    }

    /// A sink of an application of its own, which may have its reasons.
    @Test func othersAreTakenAsTheyAre() async throws {
        try await Self.withFolder { folder in
            let path = "\(folder)/events"
            try Data().write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
            try await FileSink(path: path).receive(Self.batch(1))
            #expect(Self.text(path) == "event 1\n")
        }
    }

    /// Only root can make a file of another user.
    @Test func aFileOfAnotherUserGetsNothing() async throws {
        try await Self.withFolder { folder in
            let path = "\(folder)/events"
            try ConfiguredFile.makeEventFile(at: path)
            guard chown(path, 65_534, 65_534) == 0 else { return }
            let sink = FileSink(path: path, isPrivate: true, files: RealFileSystem())
            await #expect(throws: SinkError.self) { try await sink.receive(Self.batch(1)) }
            #expect(Self.text(path).isEmpty)
        }
    }
}
