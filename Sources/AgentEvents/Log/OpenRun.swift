/// The party that keeps a run going.
public enum RunHost: CaseIterable, Hashable, Sendable {
    /// The process that has the log open. With it the run ends.
    case process
    /// A program outside of it, which emits the events of the run. The run survives the end of the process.
    case outside
}

/// A run without an end, as a log knows it.
public struct OpenRun: Hashable, Sendable {
    public var run: RunID
    /// The sequence of its first event.
    public var sequence: UInt64
    /// The host, as the entry of its first event says.
    public var host: RunHost

    public init(run: RunID, sequence: UInt64, host: RunHost = .process) {
        self.run = run
        self.sequence = sequence
        self.host = host
    }
}
