/// What the contexts of a running runtime share.
struct RuntimeServices: Sendable {
    let log: any EventLog
    let commit: GroupCommit
    let generation: UInt64
    let configuration: RuntimeConfiguration
    let environment: Environment
    /// Looks at threads when something in them may be overdue.
    let deadlines: DeadlineSweep
}
