public import AgentEvents

/// Age and bytes count by whole files of blocks: a file is too old when its last event is, and what is too much goes
/// with the oldest file. A sweep that finds an eighth of the age, or of the bytes, that the policy allows in the file
/// written last has the next commit begin another one. So a file has about an eighth, and what came in between two
/// sweeps (at most 64 MiB in all, and a commit); files that were written under another policy stay as large as they
/// are.
///
/// Trimming changes the index. The room of the events is freed once nothing in a file of blocks can be read any longer:
/// a run that stays open keeps its file. The file written last stays, too. Threads themselves are never removed.
extension FileEventLog: TrimmableLog {
    public func expired(_ query: RetentionQuery) async throws(EventLogError) -> RetentionStep {
        let retention = try openRetention()
        return try await onRetention { () throws(EventLogError) in try retention.expired(query) }
    }

    public func trim(_ trims: [ThreadTrim]) async throws(EventLogError) {
        let retention = try openRetention()
        try await onRetention { () throws(EventLogError) in try retention.trim(trims) }
    }
}
