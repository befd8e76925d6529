import AgentEvents

/// The view of a reader on a thread in memory, at one moment.
struct ThreadView: Sendable {
    let number: UInt64
    let owner: ThreadOwner
    let oldest: EventID
    let head: EventID
    let references: [BlockReference]
    let marks: [RunMark]
    let openRuns: [OpenRun]
}
