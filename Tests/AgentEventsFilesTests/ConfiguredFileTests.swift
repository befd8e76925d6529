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

    /// The rule for settings: mode, owner, user, and what is to be done; nothing where it is taken.
    @Test(
        arguments: [
            (0o644, 1000, 1000, nil), (0o600, 0, 1000, nil), (0o644, 0, 1000, nil), (0o644, 0, 0, nil),
            (0o664, 1000, 1000, "chmod go-w f"), (0o646, 0, 0, "chmod go-w f"), (0o644, 1001, 1000, "chown root f"),
            (0o600, 1000, 0, "chown root f"), (0o666, 1001, 1000, "chown root f"),
        ] as [(UInt32, UInt32, UInt32, String?)])
    func settingsAreOfRootOrTheUser(mode: UInt32, owner: UInt32, user: UInt32, advice: String?) {
        let problem = ConfiguredFile.settingsProblem(of: "f", mode: mode, owner: owner, user: user)
        #expect((problem == nil) == (advice == nil), "\(problem ?? "")")
        if let problem, let advice { #expect(problem.contains(advice), "\(problem)") }
    }

    /// A file of events, before and after it is there; looking at its place makes nothing.
    @Test func aFileOfEventsIsMadeForItsUserAlone() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/events"
        #expect(ConfiguredFile.placeProblem(ofEventsAt: path) == nil)
        #expect(!FileManager.default.fileExists(atPath: path))
        try ConfiguredFile.makeEventFile(at: path)
        #expect(ConfiguredFile.privacyProblem(ofEventsAt: path, user: geteuid()) == nil)
        #expect(ConfiguredFile.privacyProblem(ofEventsAt: path, user: geteuid() + 1)?.contains("another user") == true)
        try Data("line\n".utf8).write(to: URL(fileURLWithPath: path))
        #expect(ConfiguredFile.placeProblem(ofEventsAt: path) == nil)
        try ConfiguredFile.makeEventFile(at: path)
        #expect(FileManager.default.contents(atPath: path) == Data("line\n".utf8))
        for place in ["\(folder)/none/events", folder, "\(path)/events", "/dev/null"] {
            #expect(ConfiguredFile.placeProblem(ofEventsAt: place) != nil, "\(place)")
            #expect(throws: ConfiguredFile.ReadingError.self) { try ConfiguredFile.makeEventFile(at: place) }
        }
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
