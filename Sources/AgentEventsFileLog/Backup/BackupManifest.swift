import AgentEvents

/// The list of what is in a backup, in `manifest.json`.
struct BackupManifest: Hashable, Sendable {
    /// The version of the layout. It changes when an older program could not verify or restore a backup.
    static let format: Int64 = 1

    struct File: Hashable, Sendable {
        /// Relative to the folder of the backup.
        var name: String
        var digest: FileDigest
    }

    var time: Timestamp
    /// The generation of the log when it was copied.
    var generation: UInt64
    /// The version of the blocks.
    var blocks = BlockHeader.version
    var threadCount: Int
    var files: [File]

    init(time: Timestamp, generation: UInt64, threadCount: Int, files: [File]) {
        self.time = time
        self.generation = generation
        self.threadCount = threadCount
        self.files = files
    }

    var byteCount: Int64 { files.reduce(0) { $0 + $1.digest.byteCount } }

    /// As one JSON object, and the end of a line.
    var encoded: [UInt8] {
        let files = files.map { file -> JSONValue in
            [
                "name": .string(file.name), "bytes": .integer(file.digest.byteCount),
                "sha256": .string(file.digest.hash),
                // Blocks have checksums of their own.
                "pieces": .array(Self.isBlocks(file.name) ? [] : file.digest.pieces.map { .integer($0) }),
            ]
        }
        let manifest: JSONValue = [
            "format": .integer(Self.format), "created_at": .string(time.rfc3339), "generation": .integer(generation),
            "blocks": .string(blocks), "threads": .integer(threadCount),
            "piece_bytes": .integer(FileDigest.pieceByteCount), "files": .array(files),
        ]
        return manifest.encoded() + [0x0A]
    }

    static func isBlocks(_ name: String) -> Bool { name.hasPrefix(BackupFolder.blocks + "/") }

    /// The content of the file with the hash of a manifest.
    static func seal(of bytes: [UInt8]) -> [UInt8] {
        Array("\(FileDigest.hexadecimal(SHA256Hash.hash(bytes)))  \(BackupFolder.manifest)\n".utf8)
    }

    /// - Throws: `log.unavailable` for one of another version, `log.corrupt` for one that cannot be read.
    init(parsing bytes: [UInt8]) throws(EventLogError) {
        guard let value = try? JSONValue(parsing: bytes), let format = value["format"]?.integerValue else {
            throw EventLogError(.corrupt, "\(BackupFolder.manifest) is no manifest of a backup")
        }
        guard format == Self.format else {
            throw EventLogError(
                .unavailable,
                "the backup has the format \(format), of another version of this program; this one reads \(Self.format)"
            )
        }
        guard let time = value["created_at"]?.stringValue.flatMap({ Timestamp(rfc3339: $0) }),
            let generation = value["generation"]?.integerValue.flatMap({ UInt64(exactly: $0) }),
            let blocks = value["blocks"]?.stringValue,
            let threadCount = value["threads"]?.integerValue,
            let files = value["files"]?.arrayValue?.map(Self.file), !files.contains(nil)
        else { throw EventLogError(.corrupt, "\(BackupFolder.manifest) is no manifest of a backup") }
        self.init(
            time: time, generation: generation, threadCount: Int(clamping: threadCount), files: files.compactMap { $0 })
        self.blocks = blocks
    }

    private static func file(_ value: JSONValue) -> File? {
        guard let name = value["name"]?.stringValue, isPlain(name), let byteCount = value["bytes"]?.integerValue,
            byteCount >= 0, let hash = value["sha256"]?.stringValue, let pieces = value["pieces"]?.arrayValue
        else { return nil }
        var digest = FileDigest(byteCount: byteCount, hash: hash)
        digest.pieces = pieces.compactMap { $0.integerValue.flatMap { UInt32(exactly: $0) } }
        return digest.pieces.count == pieces.count ? File(name: name, digest: digest) : nil
    }

    /// Whether a name leads to nothing but a file that a backup has: nobody is made to read or write elsewhere.
    private static func isPlain(_ name: String) -> Bool {
        if name == BackupFolder.index || name == BackupFolder.heads { return true }
        guard isBlocks(name) else { return false }
        return Segment.start(name: String(name.dropFirst(BackupFolder.blocks.utf8.count + 1))) != nil
    }

    /// The files of blocks, in a folder, with the sizes that the manifest says.
    func segments(in folder: String) -> [Segment] {
        let blocks = files.filter { Self.isBlocks($0.name) }
        return blocks.compactMap { file in
            Segment.start(name: String(file.name.dropFirst(BackupFolder.blocks.utf8.count + 1))).map {
                Segment(start: $0, end: $0 + file.digest.byteCount, path: "\(folder)/\(file.name)")
            }
        }.sorted { $0.start < $1.start }
    }
}

extension FileDigest {
    init(byteCount: Int64, hash: String) { (self.byteCount, self.hash) = (byteCount, hash) }
}
