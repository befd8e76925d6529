import AgentEvents

/// The start or the end of a run, as a log keeps it. A run is known by the sequence of its start.
enum RunMark: Hashable, Sendable {
    case started(RunID, sequence: UInt64)
    case ended(startSequence: UInt64)
}

/// A run without an end.
struct OpenRun: Hashable, Sendable {
    let run: RunID
    /// The sequence of its `agent_started`.
    let sequence: UInt64
}

extension [OpenRun] {
    /// Takes a start or an end into account.
    mutating func note(_ mark: RunMark) {
        switch mark {
        case .started(let run, let sequence): append(OpenRun(run: run, sequence: sequence))
        case .ended(let startSequence): removeAll { $0.sequence == startSequence }
        }
    }
}
