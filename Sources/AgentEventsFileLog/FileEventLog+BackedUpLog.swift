public import AgentEvents

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
