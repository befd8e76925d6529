import AgentEvents
import AgentEventsFileLog
import Foundation
import Testing

/// A commit of one event.
func commit(
    _ sequence: UInt64,
    of thread: ThreadID = "t_1",
    generation: UInt64,
    user: UserID = "u_1",
    size: Int = 100
) -> LogCommit {
    let entry = LogEntry(
        owner: ThreadOwner(thread: thread, user: user),
        id: EventID(generation: generation, sequence: sequence),
        type: .custom,
        run: nil,
        bytes: [UInt8](repeating: UInt8(truncatingIfNeeded: sequence), count: size)
    )
    return LogCommit(entries: [entry], time: Timestamp(milliseconds: 0))
}

/// The files of blocks of a log, in order.
func blockFiles(of path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path + "-blocks").sorted()
        .filter { $0.hasSuffix(".blocks") }.map { "\(path)-blocks/\($0)" }
}

/// Copies what a process that is killed would leave behind.
///
/// - Returns: the path of the copy.
func copyOfFiles(of log: FileEventLog) throws -> String {
    let folder = URL(fileURLWithPath: log.path).deletingLastPathComponent().path
    let copy = "\(folder)/\(UUID().uuidString)"
    for suffix in ["", "-wal", "-blocks"] where FileManager.default.fileExists(atPath: log.path + suffix) {
        try FileManager.default.copyItem(atPath: log.path + suffix, toPath: copy + suffix)
    }
    return copy
}

/// Expects an error of a log with a code.
func expect(
    _ code: EventLogError.Code,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Void
) async {
    do {
        try await body()
        Issue.record("there is no error", sourceLocation: sourceLocation)
    } catch let error as EventLogError {
        #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
    }
}
