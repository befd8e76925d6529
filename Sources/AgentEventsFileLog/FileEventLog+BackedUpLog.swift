public import AgentEvents
import AgentEventsFiles

/// Files of blocks that are complete get a second name in the backup, where both are on one disk, and are copied where not. So a
/// backup there takes no more room than the index, until retention removes the files of the log.
extension FileEventLog: BackedUpLog {
    public func backUp(to folder: String) async throws(EventLogError) -> LogBackup {
        let connection = try openConnection()
        return try await onBackup { () throws(EventLogError) in
            let copier = LogCopier(connection: connection, configuration: configuration, seal: seal)
            return try copier.copy(to: folder)
        }
    }
}

extension FileEventLog: BackupListingLog {
    public func backups(in folder: String) async throws(EventLogError) -> [BackupMark] {
        let files = configuration.files
        // Not where backups are made: nobody waits for one to end.
        return try await onReaders { () throws(EventLogError) in
            guard files.exists(folder) else { return [] }
            let names = try logErrors("reading", folder) { () throws(FileError) in try files.names(inFolder: folder) }
            var marks: [BackupMark] = []
            for name in names where !name.hasSuffix(BackupFolder.partialSuffix) {
                let path = "\(folder)/\(name)/\(BackupFolder.manifest)"
                guard files.exists(path) else { continue }
                let bytes = try FileCopier(files: files).bytes(of: path)
                // One of another version has its time in the same member.
                let text = (try? JSONValue(parsing: bytes))?["created_at"]?.stringValue
                guard let time = text.flatMap({ Timestamp(rfc3339: $0) }) else {
                    throw EventLogError(.corrupt, "\(path) is no manifest of a backup")
                }
                marks.append(BackupMark(name: name, time: time))
            }
            return marks.sorted { ($0.time, $0.name) < ($1.time, $1.name) }
        }
    }
}
