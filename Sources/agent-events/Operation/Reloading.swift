internal import AgentEvents
internal import AgentEventsHub
internal import Logging
internal import Synchronization

/// Reads the settings again on SIGHUP, and takes those that can be changed while the service runs. Settings with something wrong
/// in them change nothing: the old ones are kept.
final class Reloading: Sendable {
    /// The settings that are taken at once; all others at the next start.
    static let reloadable: Set<String> = ["log-level"]

    private let level: ServiceLogHandler.SharedLevel
    private let logger: Logger
    /// `nil` without metrics.
    private let metrics: ProgramMetrics?
    /// `nil` in memory.
    private let audit: (any AuditTrail)?
    private let notifier: SystemNotifier
    private let load: @Sendable () throws(SettingError) -> (command: ServeCommand, settings: LayeredSettings)
    /// What is set elsewhere than on the command line, which stays as it is.
    private let values: Mutex<[String: SettingValue]>

    init(
        level: ServiceLogHandler.SharedLevel,
        logger: Logger,
        metrics: ProgramMetrics?,
        audit: (any AuditTrail)?,
        notifier: SystemNotifier,
        load: @escaping @Sendable () throws(SettingError) -> (command: ServeCommand, settings: LayeredSettings) = {
            () throws(SettingError) in try ProgramArguments.reload()
        }
    ) {
        self.level = level
        self.logger = logger
        self.metrics = metrics
        self.audit = audit
        self.notifier = notifier
        self.load = load
        values = Mutex((try? load())?.settings.values ?? [:])
    }

    func reload() {
        notifier.send(.reloading(monotonicMicroseconds: SystemNotifier.monotonicMicroseconds))
        defer { notifier.send(.ready) }
        do throws(SettingError) {
            let loaded = try load()
            let old = values.withLock { values in
                defer { values = loaded.settings.values }
                return values
            }
            level.value = loaded.command.operation.logLevel
            metrics?.reloaded()
            logger.notice("settings read again")
            audit?.record(
                AuditEntry(
                    who: "operator", what: "settings.reloaded",
                    details: ["changed": .array(Self.changed(old, loaded.settings.values).map { .string($0) })]))
            let waiting = Self.changed(old, loaded.settings.values).filter { !Self.reloadable.contains($0) }
            guard !waiting.isEmpty else { return }
            logger.warning(
                "some changed settings are taken at the next start only",
                metadata: ["settings": "\(waiting.joined(separator: ", "))"])
        } catch {
            metrics?.reloadFailed()
            audit?.record(AuditEntry(who: "operator", what: "settings.refused"))
            logger.error("settings not read again: the old ones are kept", metadata: ["error.message": "\(error)"])
        }
    }

    /// The names of the settings with other values, sorted. Where they stand does not matter.
    static func changed(_ old: [String: SettingValue], _ new: [String: SettingValue]) -> [String] {
        Set(old.keys).union(new.keys).filter { old[$0]?.texts != new[$0]?.texts }.sorted()
    }
}
