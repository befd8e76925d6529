public import AgentEvents
import AgentEventsFiles

/// A backup of a ``FileEventLog``: a folder that the log was copied into. All of this blocks its thread.
public struct FileLogBackup: Sendable {
    public let folder: String
    private let configuration: FileEventLog.Configuration
    private var copier: FileCopier { FileCopier(files: configuration.files) }

    /// - Parameter folder: the folder of the backup.
    public init(folder: String) { self.init(folder: folder, configuration: FileEventLog.Configuration()) }

    package init(folder: String, configuration: FileEventLog.Configuration) {
        self.folder = folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
        self.configuration = configuration
    }

    /// Something in a backup that is not as it was made.
    public struct Problem: Hashable, Sendable, CustomStringConvertible {
        /// The name of the file in the folder of the backup.
        public var file: String
        /// The place in the file from which on it is not what it should be, as far as that is known; in blocks the beginning of
        /// the first one that is damaged, in others that of a piece of 64 KiB.
        public var offset: Int64?
        public var message: String

        public var description: String {
            offset.map { "\(file), at offset \($0): \(message)" } ?? "\(file): \(message)"
        }
    }

    /// The result of looking at a backup.
    public struct Report: Hashable, Sendable {
        /// The backup in figures; `nil` when it has no manifest that can be read.
        public var backup: LogBackup?
        public var problems: [Problem]
    }

    // MARK: Verifying

    /// Reads all of the backup, and changes nothing.
    ///
    /// - Throws: ``EventLogError`` `log.unavailable` when there is no such folder, or when it is of a version of this program that
    ///   has other backups.
    public func verify() throws(EventLogError) -> Report {
        guard configuration.files.exists(folder) else { throw EventLogError(.unavailable, "there is no \(folder)") }
        let (manifest, problem) = try readManifest()
        guard let manifest else { return Report(problems: [problem].compactMap { $0 }) }
        let backup = LogBackup(
            folder: folder, time: manifest.time, fileCount: manifest.files.count, byteCount: manifest.byteCount,
            threadCount: manifest.threadCount)
        var problems = [problem].compactMap { $0 }
        for file in manifest.files {
            if let problem = try self.problem(with: file) { problems.append(problem) }
        }
        problems += try foreignFiles(manifest)
        if problems.isEmpty, let problem = try problemWithContent(manifest) { problems.append(problem) }
        return Report(backup: backup, problems: problems)
    }

    private func readManifest() throws(EventLogError) -> (BackupManifest?, Problem?) {
        let (path, seal) = ("\(folder)/\(BackupFolder.manifest)", "\(folder)/\(BackupFolder.seal)")
        guard !folder.hasSuffix(BackupFolder.partialSuffix), configuration.files.exists(path) else {
            return (nil, Problem(file: BackupFolder.manifest, message: "the backup is not whole: it was not finished"))
        }
        let bytes = try copier.bytes(of: path)
        var problem: Problem?
        if !configuration.files.exists(seal) {
            problem = Problem(file: BackupFolder.seal, message: "it is missing")
        } else if try copier.bytes(of: seal) != BackupManifest.seal(of: bytes) {
            let message = "it is not what \(BackupFolder.seal) says, or that is damaged"
            problem = Problem(file: BackupFolder.manifest, message: message)
        }
        do throws(EventLogError) {
            return (try BackupManifest(parsing: bytes), problem)
        } catch {
            guard error.code == .corrupt || problem != nil else { throw error }
            return (nil, problem ?? Problem(file: BackupFolder.manifest, message: error.message))
        }
    }

    private func problem(with file: BackupManifest.File) throws(EventLogError) -> Problem? {
        let path = "\(folder)/\(file.name)"
        guard configuration.files.exists(path) else { return Problem(file: file.name, message: "it is missing") }
        let digest: FileDigest
        do throws(EventLogError) {
            digest = try copier.digest(of: path)
        } catch {
            return Problem(file: file.name, message: error.message)
        }
        guard digest.byteCount != file.digest.byteCount || digest.hash != file.digest.hash else { return nil }
        let message =
            digest.byteCount == file.digest.byteCount
            ? "it is damaged" : "it has \(digest.byteCount) bytes, and had \(file.digest.byteCount)"
        var offset = file.digest.firstDifference(from: digest)
        if BackupManifest.isBlocks(file.name),
            var segment = BackupManifest(time: Timestamp(milliseconds: 0), generation: 0, threadCount: 0, files: [file])
                .segments(in: folder).first
        {
            segment.end = segment.start + digest.byteCount
            // Blocks that cannot be read at all have said so above.
            offset = (try? content([segment]).firstDamage(in: segment)) ?? 0
        }
        return Problem(file: file.name, offset: offset, message: message)
    }

    /// Files that are not in the manifest: SQLite would take some for parts of the index.
    private func foreignFiles(_ manifest: BackupManifest) throws(EventLogError) -> [Problem] {
        let known = Set(manifest.files.map(\.name) + [BackupFolder.manifest, BackupFolder.seal, BackupFolder.blocks])
        return try logErrors("reading", folder) { () throws(FileError) in
            let blocks = try configuration.files.names(inFolder: "\(folder)/\(BackupFolder.blocks)")
            let names = try configuration.files.names(inFolder: folder) + blocks.map { "\(BackupFolder.blocks)/\($0)" }
            return names.sorted().filter { !known.contains($0) }
                .map { Problem(file: $0, message: "it is not of the backup") }
        }
    }

    private func content(_ segments: [Segment]) -> BackupContent {
        BackupContent(
            segments: segments, index: index, configuration: configuration, folder: "\(folder)/\(BackupFolder.blocks)")
    }

    private var index: IndexCopy {
        IndexCopy(path: "\(folder)/\(BackupFolder.index)", place: configuration.index, files: configuration.files)
    }

    /// Reads every block and every row. All files are what they were when the backup was made; this finds what was wrong then.
    private func problemWithContent(_ manifest: BackupManifest) throws(EventLogError) -> Problem? {
        let segments = manifest.segments(in: folder)
        do throws(EventLogError) {
            if let problem = try index.integrityProblem() { return Problem(file: BackupFolder.index, message: problem) }
            let (threads, fault) = try content(segments).threads(readingAll: true)
            if let fault {
                guard let segment = segments.last(where: { $0.start <= fault.position }) else {
                    return Problem(file: BackupFolder.index, message: fault.message)
                }
                return Problem(
                    file: "\(BackupFolder.blocks)/\(Segment.name(start: segment.start))",
                    offset: fault.position - segment.start, message: fault.message)
            }
            let isAsItWas = try copier.bytes(of: "\(folder)/\(BackupFolder.heads)") == threads.heads
            return isAsItWas
                ? nil
                : Problem(file: BackupFolder.heads, message: "the threads end elsewhere in the blocks and the index")
        } catch {
            return Problem(file: BackupFolder.blocks, message: error.message)
        }
    }

    // MARK: Restoring

    /// Makes a new log of the backup, after verifying it.
    ///
    /// The new log has an incarnation of its own: the number of its next opening is another than any that the old one had or
    /// will have. So a cursor of an event that came after the backup is known to be of another history, and its reader is reset.
    ///
    /// - Parameters:
    ///   - target: the folder of the new log, which has its name when all is on the disk, and not before. There must not be one,
    ///     or an empty one.
    ///   - name: the name of the log's file in it.
    /// - Throws: ``EventLogError``: `log.corrupt` when the backup is damaged, `log.exists` when there is something in the folder,
    ///   `log.full`. Then there is no log.
    public func restore(to target: String, name: String = "events.sqlite") throws(EventLogError) -> LogBackup {
        let report = try verify()
        if let problem = report.problems.first {
            throw EventLogError(.corrupt, "the backup \(folder) is not restored: \(problem)")
        }
        let (found, _) = try readManifest()
        guard let backup = report.backup, let manifest = found else {
            throw EventLogError(.corrupt, "the backup \(folder) has no manifest")
        }
        let new = BackupFolder(target, in: configuration.files)
        let folders = ["\(name)-blocks"]
        try new.begin(with: folders, mayBeEmpty: true)
        do throws(EventLogError) {
            for file in manifest.files where file.name != BackupFolder.heads {
                let place =
                    BackupManifest.isBlocks(file.name)
                    ? "\(name)-\(file.name)" : name
                let digest = try copier.copy("\(folder)/\(file.name)", to: "\(new.partial)/\(place)")
                guard digest.hash == file.digest.hash else {
                    throw EventLogError(.corrupt, "\(folder)/\(file.name) was changed while it was copied")
                }
            }
            let index = IndexCopy(
                path: "\(new.partial)/\(name)", place: configuration.index, files: configuration.files)
            try index.begin(generation: configuration.generations.next(after: manifest.generation))
            try new.finish(with: folders)
        } catch {
            new.abandon(with: folders)
            throw error
        }
        return backup
    }
}
