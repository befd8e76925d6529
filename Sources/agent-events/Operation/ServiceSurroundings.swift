internal import AgentEventsServer

/// The level of the log, the metrics, the audit file and the notices to systemd of a service that runs as a program.
struct ServiceSurroundings: Sendable {
    let level: ServiceLogHandler.SharedLevel
    /// `nil` when nobody can ask for them.
    let metrics: ProgramMetrics?
    /// `nil` in memory.
    let audit: AuditFile?
    let notifier: SystemNotifier
    /// What other systems send to.
    let hooks: [ServiceExtension]
}
