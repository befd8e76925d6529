internal import AgentEventsServer

/// The settings that `serve` can change while it runs.
extension ServeCommand {
    /// Whether somebody may change settings: there is a file of them, or systemd asks for it.
    func isExpectedToReload(_ notifier: SystemNotifier) -> Bool {
        notifier.isHeard || (try? ProgramArguments.settings(of: ProgramArguments.given))?.path != nil
    }

    /// Those that take changed settings while the service runs.
    func takers(
        of service: AgentEventsService,
        _ level: ServiceLogHandler.SharedLevel
    ) -> [ReloadedSettings.Taker] {
        [
            ReloadedSettings.Taker(settings: ["log-level"]) { command in
                { level.value = command.operation.logLevel }
            },
            ReloadedSettings.Taker(settings: LimitOptions.settings.union(["allowed-origin"])) { command in
                var configuration = ServiceConfiguration()
                command.applyChangeable(to: &configuration)
                return try service.prepareChange(to: configuration)
            },
        ]
    }

    /// The settings that can be changed while the service runs.
    func applyChangeable(to configuration: inout ServiceConfiguration) {
        configuration.maximumConnections = DescriptorLimit.raised().map { $0 - min($0 / 2, 512) }
        limits.apply(to: &configuration, needsCredentials: auth != .none)
        configuration.allowedOrigins = Set(allowedOrigins)
    }
}
