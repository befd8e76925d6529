import AgentEvents
import AgentEventsFiles
import Synchronization

/// Copies an open log into a folder, while it is written to.
///
/// The index first, the blocks second: values of the index tell of events (a consumer acknowledged one, a sink had it), and those
/// are in the blocks then. Blocks that the index does not have yet are found by an opening, as after a crash. No file of blocks
/// goes in between, since that takes the same turn.
struct LogCopier {
    let connection: LogConnection
    let configuration: FileEventLog.Configuration
    /// Seals the file that is written to, between two commits.
    let seal: () throws(EventLogError) -> [Segment]

    private var files: any FileSystem { configuration.files }
    private var copier: FileCopier { FileCopier(files: files) }
    private static let folders = [BackupFolder.blocks]

    func copy(to path: String) throws(EventLogError) -> LogBackup {
        let folder = BackupFolder(path, in: files)
        try folder.begin(with: Self.folders)
        do throws(EventLogError) {
            let manifest = try fill(folder.partial)
            try folder.finish(with: Self.folders)
            return LogBackup(
                folder: folder.path, time: manifest.time, fileCount: manifest.files.count,
                byteCount: manifest.byteCount, threadCount: manifest.threadCount)
        } catch {
            folder.abandon(with: Self.folders)
            throw error
        }
    }

    private func fill(_ folder: String) throws(EventLogError) -> BackupManifest {
        let time = configuration.now()
        let index = IndexCopy(path: "\(folder)/\(BackupFolder.index)", place: configuration.index, files: files)
        let blocks = "\(folder)/\(BackupFolder.blocks)"
        let segments = try connection.fileTurn.withLock { _ throws(EventLogError) in
            try index.make(of: connection.index)
            let segments = try seal()
            try connection.blocks.synchronize(upTo: segments.last?.end ?? 0)
            for segment in segments {
                try copier.link(
                    segment.path, to: "\(blocks)/\(Segment.name(start: segment.start))", byteCount: segment.byteCount)
            }
            return segments
        }
        let copies = segments.map { segment in
            Segment(start: segment.start, end: segment.end, path: "\(blocks)/\(Segment.name(start: segment.start))")
        }
        let content = BackupContent(segments: copies, index: index, configuration: configuration, folder: blocks)
        let (threads, fault) = try content.threads(readingAll: false)
        if let fault { throw LogConnection.corrupt("at \(fault.position), \(fault.message)") }
        try copier.write(threads.heads, to: "\(folder)/\(BackupFolder.heads)")
        let generation = try index.read { try LogDatabase.meta("generation", in: $0) }
        var manifest = BackupManifest(
            time: time, generation: UInt64(generation), threadCount: threads.count, files: [])
        let names =
            [BackupFolder.index, BackupFolder.heads]
            + copies.map { "\(BackupFolder.blocks)/\(Segment.name(start: $0.start))" }
        for name in names {
            manifest.files.append(BackupManifest.File(name: name, digest: try copier.digest(of: "\(folder)/\(name)")))
        }
        for (file, copy) in zip(manifest.files.dropFirst(2), copies) where file.digest.byteCount != copy.byteCount {
            throw EventLogError(
                .failed, "\(copy.path) has \(file.digest.byteCount) bytes, and should have \(copy.byteCount)")
        }
        let bytes = manifest.encoded
        try copier.write(bytes, to: "\(folder)/\(BackupFolder.manifest)")
        try copier.write(BackupManifest.seal(of: bytes), to: "\(folder)/\(BackupFolder.seal)")
        return manifest
    }
}
