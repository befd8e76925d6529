internal import AgentEvents
internal import AgentEventsHub
internal import Logging
internal import Synchronization

/// The settings of a running service: reads them again, and has those taken that can be changed while it runs.
final class ReloadedSettings: Reloadable {
    /// Takes new values of a setting.
    struct Taker: Sendable {
        /// The names of settings.
        let settings: Set<String>
        /// Makes what is needed of the new values, and returns what takes it into use, which cannot fail. Throws what is wrong.
        let prepare: @Sendable (ServeCommand) throws -> @Sendable () -> Void
    }

    private let takers: [Taker]
    private let logger: Logger
    private let load: @Sendable () throws(SettingError) -> (command: ServeCommand, settings: LayeredSettings)
    private struct State {
        /// What is set elsewhere than on the command line, which stays as it is.
        var values: [String: SettingValue]
        /// The names of those with other values since the last time.
        var changed: [String] = []
        /// Those of them that nobody was told of.
        var waiting: [String] = []
    }
    private let state: Mutex<State>

    /// - Parameter takers: those of the settings that can be changed; all others are taken at the next start.
    init(
        takers: [Taker],
        logger: Logger,
        load: @escaping @Sendable () throws(SettingError) -> (command: ServeCommand, settings: LayeredSettings) = {
            () throws(SettingError) in try ProgramArguments.reload()
        }
    ) {
        self.takers = takers
        self.logger = logger
        self.load = load
        state = Mutex(State(values: (try? load())?.settings.values ?? [:]))
    }

    var name: String { "settings" }

    /// The names of the settings that the last reload found changed, sorted.
    var changed: [String] { state.withLock { $0.changed } }

    func prepareReload() async throws -> @Sendable () -> Void {
        let (command, settings) = try load()
        let changes = try takers.map { try $0.prepare(command) }
        return { [self] in
            for take in changes { take() }
            took(settings.values)
        }
    }

    private func took(_ new: [String: SettingValue]) {
        state.withLock { state in
            state.changed = Self.changed(state.values, new)
            state.waiting = state.changed
            state.values = new
        }
    }

    /// Says which settings have changed that are not taken before the next start.
    func warnOfWaiting() {
        let reloadable = takers.reduce(into: Set()) { $0.formUnion($1.settings) }
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting.filter { !reloadable.contains($0) }
        }
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

/// What the program does around a reload: systemd is told, it is counted, and it is in the audit trail.
struct Reloading: Sendable {
    let settings: ReloadedSettings
    let group: ReloadGroup
    /// `nil` without metrics.
    let metrics: ProgramMetrics?
    /// `nil` in memory.
    let audit: (any AuditTrail)?
    let notifier: SystemNotifier

    func reload() async {
        notifier.send(.reloading(monotonicMicroseconds: SystemNotifier.monotonicMicroseconds))
        defer { notifier.send(.ready) }
        await group.reload(keep)
        settings.warnOfWaiting()
    }

    private func keep(_ outcome: ReloadGroup.Outcome) {
        switch outcome {
        case .taken:
            metrics?.reloaded()
            audit?.record(
                AuditEntry(
                    who: "operator", from: "SIGHUP", what: "settings.reloaded",
                    details: ["changed": .array(settings.changed.map { .string($0) })]))
        case .refused(let part, _):
            audit?.record(
                AuditEntry(
                    who: "operator", from: "SIGHUP", what: "settings.refused", details: ["part": .string(part)]))
        }
    }
}
