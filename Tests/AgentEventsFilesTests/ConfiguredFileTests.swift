import AgentEventsFiles
import Foundation
import Testing

struct ConfiguredFileTests {
    /// The rule for secrets: mode, owner, user, and whether it is taken.
    @Test(
        arguments: [
            (0o600, 1000, 1000, true), (0o400, 1000, 1000, true), (0o640, 1000, 1000, false),
            (0o604, 1000, 1000, false),
            (0o700, 1000, 1000, false), (0o600, 0, 0, true), (0o640, 0, 0, false), (0o640, 0, 1000, true),
            (0o440, 0, 1000, true),
            (0o660, 0, 1000, false), (0o644, 0, 1000, false), (0o650, 0, 1000, false), (0o640, 1001, 1000, false),
        ] as [(UInt32, UInt32, UInt32, Bool)])
    func aSecretIsForItsOwnerOrOfRootForAGroup(mode: UInt32, owner: UInt32, user: UInt32, isTaken: Bool) {
        let problem = ConfiguredFile.secrecyProblem(of: "f", mode: mode, owner: owner, user: user)
        #expect((problem == nil) == isTaken, "\(problem ?? "")")
        if let problem, owner == 0, user != 0 { #expect(problem.contains("chmod 640 f")) }
    }

    @Test func aFileIsReadWholeOrRefusedWithASentence() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        let whole = try ConfiguredFile.read(path, maximumByteCount: 100_000, isSecret: false)
        #expect(whole == bytes)
        for (place, limit, isSecret, words) in [
            (path, 99_999, false, "has more than 99999 bytes"), (path, 100_000, true, "chmod 600 \(path)"),
            ("\(path).none", 1, false, "cannot be read"), ("/tmp", 1, false, "/tmp is not a file"),
        ] {
            let error = #expect(throws: ConfiguredFile.ReadingError.self) {
                try ConfiguredFile.read(place, maximumByteCount: limit, isSecret: isSecret)
            }
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        }
    }
}
