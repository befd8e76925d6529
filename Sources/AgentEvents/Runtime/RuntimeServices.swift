import Synchronization

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
    /// Those who follow single threads in this process.
    let watchers: ThreadWatchers
    /// The answers to commands that made no event.
    let rememberedCommands = Mutex(RememberedCommands())

    init(
        log: any EventLog,
        commit: GroupCommit,
        generation: UInt64,
        configuration: RuntimeConfiguration,
        environment: Environment,
        deadlines: DeadlineSweep,
        watchers: ThreadWatchers
    ) {
        self.log = log
        isContended = log is any ContendedLog
        self.commit = commit
        self.generation = generation
        self.configuration = configuration
        self.environment = environment
        self.deadlines = deadlines
        self.watchers = watchers
    }
}
