internal import AgentEvents
internal import AgentEventsHub
internal import Logging
internal import Synchronization

/// Reads the settings again on SIGHUP, and has those taken that can be changed while the service runs. Settings with something
/// wrong in them change nothing: the old ones are kept.
///
/// ```
/// SIGHUP ──read──> good ──prepared by all takers──> taken, all of them
///            └──> bad    └──> one refuses
///                  ╰─────────────┴──> nothing is taken, one error is logged
/// ```
final class Reloading: Sendable {
    /// Takes new values of a setting.
    struct Taker: Sendable {
        /// The names of settings.
        let settings: Set<String>
        /// Makes what is needed of the new values, and returns what takes it into use, which cannot fail. Throws what is wrong.
        let prepare: @Sendable (ServeCommand) throws -> @Sendable () -> Void
    }

    private let takers: [Taker]
    private let logger: Logger
    /// `nil` without metrics.
    private let metrics: ProgramMetrics?
    /// `nil` in memory.
    private let audit: (any AuditTrail)?
    private let notifier: SystemNotifier
    private let load: @Sendable () throws(SettingError) -> (command: ServeCommand, settings: LayeredSettings)
    /// What is set elsewhere than on the command line, which stays as it is.
    private let values: Mutex<[String: SettingValue]>

    /// - Parameter takers: those of the settings that can be changed; all others are taken at the next start.
    init(
        takers: [Taker],
        logger: Logger,
        metrics: ProgramMetrics?,
        audit: (any AuditTrail)?,
        notifier: SystemNotifier,
        load: @escaping @Sendable () throws(SettingError) -> (command: ServeCommand, settings: LayeredSettings) = {
            () throws(SettingError) in try ProgramArguments.reload()
        }
    ) {
        self.takers = takers
        self.logger = logger
        self.metrics = metrics
        self.audit = audit
        self.notifier = notifier
        self.load = load
        values = Mutex((try? load())?.settings.values ?? [:])
    }

    /// Whether somebody may change settings: there is a file of them, or systemd asks for it.
    var isExpected: Bool {
        notifier.isHeard || (try? ProgramArguments.settings(of: ProgramArguments.given))?.path != nil
    }

    /// - Parameter files: has files read again that settings name.
    func reload(files: () -> Void = {}) {
        notifier.send(.reloading(monotonicMicroseconds: SystemNotifier.monotonicMicroseconds))
        defer { notifier.send(.ready) }
        files()
        do {
            let loaded = try load()
            let changes = try takers.map { try $0.prepare(loaded.command) }
            for take in changes { take() }
            took(loaded.settings.values)
        } catch {
            metrics?.reloadFailed()
            audit?.record(AuditEntry(who: "operator", what: "settings.refused"))
            logger.error("settings not read again: the old ones are kept", metadata: ["error.message": "\(error)"])
        }
    }

    private func took(_ new: [String: SettingValue]) {
        let old = values.withLock { values in
            defer { values = new }
            return values
        }
        let changed = Self.changed(old, new)
        metrics?.reloaded()
        logger.notice("settings read again")
        audit?.record(
            AuditEntry(
                who: "operator", what: "settings.reloaded",
                details: ["changed": .array(changed.map { .string($0) })]))
        let reloadable = takers.reduce(into: Set()) { $0.formUnion($1.settings) }
        let waiting = changed.filter { !reloadable.contains($0) }
        guard !waiting.isEmpty else { return }
        logger.warning(
            "some changed settings are taken at the next start only",
            metadata: ["settings": "\(waiting.joined(separator: ", "))"])
    }

    /// The names of the settings with other values, sorted. Where they stand does not matter.
    static func changed(_ old: [String: SettingValue], _ new: [String: SettingValue]) -> [String] {
        Set(old.keys).union(new.keys).filter { old[$0]?.texts != new[$0]?.texts }.sorted()
    }
}
