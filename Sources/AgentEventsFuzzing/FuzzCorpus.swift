#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The inputs that all others are made of, by subject: those that are right, and those of SECURITY that are not.
package struct FuzzCorpus: Sendable {
    /// Numbers that are no times, no lengths and no counts (SEC-25).
    static let numbers: [[UInt8]] = [
        "0", "-0", "-1", "1e300", "1e400", "NaN", "Infinity", "0.1", "12.0", "1E+2", "00", "9007199254740992",
        "9007199254740993", "9223372036854775807", "9223372036854775808", "18446744073709551615",
        "18446744073709551616", "4102444800", "\"600\"", "0x10", "1e-400", "1234567890123456789012345678901234567890",
    ].map { Array($0.utf8) }

    /// The lengths of frames that are none, and in a longer form than they need, with a mask (SEC-03).
    static let frameLengths: [[UInt8]] = [
        [0x81, 0xFF] + [UInt8](repeating: 0xFF, count: 8), [0x81, 0xFF, 0x7F] + [UInt8](repeating: 0xFF, count: 7),
        [0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], [0x81, 0xFF, 0, 0, 0, 0, 0, 0, 0, 2], [0x81, 0xFE, 0, 5],
        [0x89, 0xFE, 0, 0x7E], [0x88, 0x81], [0x01, 0x80], [0x00, 0x80], [0x80, 0x80], [0x82, 0x80], [0x83, 0x80],
        [0xC1, 0x80], [0x81, 0x00],
    ]

    private var entries: [FuzzSubject: [[UInt8]]] = [:]

    /// - Parameters:
    ///   - folder: the examples of the schemas (`Schemas/golden`); `nil` for those that stand here alone.
    ///   - key: signs the tokens.
    /// - Returns: `nil` when there are none in the folder.
    package init?(folder: String?, key: FuzzKey) {
        for subject in FuzzSubject.allCases { entries[subject] = FuzzBeginnings.of(subject) }
        entries[.token] = FuzzBeginnings.of(.claims).map { Array(key.token(claims: $0).utf8) }
        guard let folder else { return }
        for (name, subjects) in Self.folders {
            let files = Self.files(in: "\(folder)/\(name)")
            guard !files.isEmpty else { return nil }
            for subject in subjects { entries[subject, default: []] += files.map { Self.adapted($0, to: subject) } }
        }
    }

    package func entries(of subject: FuzzSubject) -> [[UInt8]] { entries[subject] ?? [] }

    private static let folders: [(String, [FuzzSubject])] = [
        ("client", [.json, .message, .frames]), ("events", [.json, .event, .lines]),
        ("http", [.json, .message, .http]),
        ("server", [.json, .message]), ("state", [.json]),
    ]

    private static func adapted(_ file: [UInt8], to subject: FuzzSubject) -> [UInt8] {
        switch subject {
        case .frames: FuzzBeginnings.frame(0x81, file)
        case .http: FuzzBeginnings.post(file)
        default: file
        }
    }

    /// The contents of the files of a folder, in the order of their names.
    private static func files(in folder: String) -> [[UInt8]] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".json") { names.append(name) }
        }
        return names.sorted().compactMap { contents(of: "\(folder)/\($0)") }
    }

    private static func contents(of path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: FuzzMutation.maximumByteCount)
        return Array(bytes.prefix(fread(&bytes, 1, bytes.count, file)))
    }
}
