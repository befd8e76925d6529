import AgentEvents

/// The start or the end of a run, as a log keeps it. A run is known by the sequence of its start.
enum RunMark: Hashable, Sendable {
    case started(RunID, sequence: UInt64, host: RunHost = .process)
    case ended(startSequence: UInt64)
}

extension [OpenRun] {
    /// Takes a start or an end into account.
    mutating func note(_ mark: RunMark) {
        switch mark {
        case .started(let run, let sequence, let host): append(OpenRun(run: run, sequence: sequence, host: host))
        case .ended(let startSequence): removeAll { $0.sequence == startSequence }
        }
    }
}
