/// The parts of a running runtime that its contexts share. A reference: an idle context has one word of it.
final class RuntimeServices: Sendable {
    let log: any EventLog
    /// Whether others write the log at the same time; see ``ContendedLog``.
    let isContended: Bool
    let commit: GroupCommit
    let generation: UInt64
    let configuration: RuntimeConfiguration
    let environment: Environment
    /// Looks at threads when something in them may be overdue.
    let deadlines: DeadlineSweep

    init(
        log: any EventLog,
        commit: GroupCommit,
        generation: UInt64,
        configuration: RuntimeConfiguration,
        environment: Environment,
        deadlines: DeadlineSweep
    ) {
        self.log = log
        isContended = log is any ContendedLog
        self.commit = commit
        self.generation = generation
        self.configuration = configuration
        self.environment = environment
        self.deadlines = deadlines
    }
}
