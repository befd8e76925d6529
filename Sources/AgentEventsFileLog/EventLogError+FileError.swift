import AgentEvents
import AgentEventsFiles

extension EventLogError {
    /// An error of the file system.
    init(_ error: FileError, doing: String, path: String) {
        self.init(Self.code(error.kind) ?? .unavailable, "\(doing) \(path): \(error)")
    }

    /// The code that says more than that it failed.
    static func code(_ kind: FileError.Kind) -> Code? {
        switch kind {
        case .full: .full
        case .readOnly: .readOnly
        case .missing, .exists, .tooManyOpenFiles, .cannotLink, .locked, .other: nil
        }
    }
}

/// Does something with a file, whose errors become the log's.
func logErrors<Result>(
    _ doing: String,
    _ path: String,
    _ body: () throws(FileError) -> Result
) throws(EventLogError) -> Result {
    do throws(FileError) {
        return try body()
    } catch {
        throw EventLogError(error, doing: doing, path: path)
    }
}
