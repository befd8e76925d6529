public import AgentEvents

/// A file of events that a ``DurableSink`` refused for good, for people to look at, and to give again by hand.
///
/// One JSON object a line: `{"sink":…,"error":…,"attempts":…,"time":…,"event":{…}}`, with the event's exact bytes. A line
/// is on the disk before the sink's offset passes the event; after a crash an event may be there twice. The file is
/// created when the first event is set aside, readable by its owner only, and grows until somebody removes it.
///
/// The letters of a thread that was deleted become blank lines.
///
/// Several sinks, and several processes, may share a file: each opens it for the time of a letter.
public final class DeadLetterFile: DeadLetterStore {
    /// The path of the file.
    public let path: String
    private let files: any FileSystem
    private let executor = BlockingExecutor(label: "agent-events.dead-letters")

    /// - Parameter path: where the file is, or will be; its folder exists.
    public convenience init(path: String) { self.init(path: path, files: RealFileSystem()) }

    package init(path: String, files: any FileSystem) {
        self.path = path
        self.files = files
    }

    /// Returns when the letter is on the disk.
    public func append(_ letter: DeadLetter) async throws {
        try await executor.run { () throws(SinkError) in
            var file = try LineFile.opened(at: self.path, in: self.files, waitingForOthers: true)
            let isNew = file.size == 0
            try file.append(letter.line())
            try file.synchronize()
            if isNew { try FileRotation.synchronizeFolder(of: self.path, in: self.files) }
        }
    }
}

extension DeadLetterFile: ErasingDeadLetterStore {
    public func erase(_ thread: ThreadID) async throws {
        try await executor.run { () throws(SinkError) in
            guard self.files.exists(self.path) else { return }
            let file = try LineFile.opened(at: self.path, in: self.files, waitingForOthers: true)
            try LineErasure(of: thread) { $0["event"] }.erase(from: file)
        }
    }
}
