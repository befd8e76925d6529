/// What is around a service that runs as a program.
struct ServiceSurroundings: Sendable {
    let level: ServiceLogHandler.SharedLevel
    /// `nil` when nobody can ask for them.
    let metrics: ProgramMetrics?
    /// `nil` in memory.
    let audit: AuditFile?
    let notifier: SystemNotifier
}
