internal import AgentEventsHub
internal import AgentEventsServer
internal import ArgumentParser

/// The options of `serve` for what one client, one address and one user may take from the others.
struct LimitOptions: ParsableArguments {
    /// The limits, by their names on the command line.
    enum Profile: String, ExpressibleByArgument, CaseIterable {
        case standard
        case none
    }

    /// The names of these settings.
    static let settings: Set<String> = [
        "limits", "limits-dry-run", "limit-loopback", "max-connections", "max-connections-per-address",
        "max-connections-per-user", "rate",
    ]

    @Option(
        name: .customLong("limits"),
        help: ArgumentHelp(
            "Limits on rates and counts for each connection, address and user. Default: standard, and none with --auth none unless one of them is given"
        ))
    var profile: Profile?

    @Flag(help: "Count and log what exceeds a limit, and let it pass; --disk-reserve is kept all the same.")
    var limitsDryRun = false

    @Flag(help: "Limit the addresses of this machine, too; they are those of a proxy otherwise.")
    var limitLoopback = false

    @Option(
        help: ArgumentHelp(
            "The most connections at once. Default: what the limit of open files leaves room for.", valueName: "count"))
    var maxConnections: Int?

    @Option(
        help: ArgumentHelp("The most connections of one address, or of one IPv6 /64. Default: 64", valueName: "count"))
    var maxConnectionsPerAddress: Int?

    @Option(help: ArgumentHelp("The most connections of one user. Default: 32", valueName: "count"))
    var maxConnectionsPerUser: Int?

    @Option(
        help: ArgumentHelp(
            "The most tokens that agents may use on a day, in UTC, in the threads of one user; then their runs fail with "
                + "run.budget_exceeded until the next one. Default: no limit.",
            valueName: "count"))
    var maxTokensPerUserAndDay: Int64?

    @Option(
        name: .customLong("rate"),
        help: ArgumentHelp(
            "A rate of its own: a name and count/time, with a burst after a colon if it is another number, or none, such as "
                + "messages=200/1s:400 or threads=none. Names: connects and auth-failures of an address; user-messages, "
                + "commands and threads of a user; messages, emitter-messages, bytes, emitter-bytes, subscriptions and "
                + "strikes of a connection. May be repeated.",
            valueName: "name=rate"))
    var rates: [RateOption] = []

    func validate() throws {
        if let problem = RateOption.problem(with: rates) { throw ValidationError(problem) }
        for (name, value) in [
            ("max-connections", maxConnections), ("max-connections-per-address", maxConnectionsPerAddress),
            ("max-connections-per-user", maxConnectionsPerUser),
        ] {
            if let value, value < 1 { throw ValidationError("--\(name) is at least 1") }
        }
        if let maxTokensPerUserAndDay, maxTokensPerUserAndDay < 1 {
            throw ValidationError("--max-tokens-per-user-and-day is at least 1")
        }
        guard profile == Profile.none else { return }
        let needs = [
            ("limits-dry-run", limitsDryRun), ("limit-loopback", limitLoopback),
            ("max-connections-per-address", maxConnectionsPerAddress != nil),
            ("max-connections-per-user", maxConnectionsPerUser != nil), ("rate", !rates.isEmpty),
        ]
        if let (name, _) = needs.first(where: { $0.1 }) {
            throw ValidationError("--\(name) has no meaning with --limits none")
        }
    }

    /// The limits that count.
    func profile(needsCredentials: Bool) -> Profile {
        let isTuned =
            limitsDryRun || limitLoopback || maxConnectionsPerAddress != nil || maxConnectionsPerUser != nil
            || !rates.isEmpty
        return profile ?? (needsCredentials || isTuned ? .standard : .none)
    }

    /// - Parameter needsCredentials: whether requests need credentials.
    func apply(to configuration: inout ServiceConfiguration, needsCredentials: Bool) {
        if let maxConnections { configuration.maximumConnections = maxConnections }
        var limits = profile(needsCredentials: needsCredentials) == .standard ? LimitConfiguration() : .none
        limits.isDryRun = limitsDryRun
        limits.includesLoopback = limitLoopback
        if let maxConnectionsPerAddress { limits.connectionsPerAddress = maxConnectionsPerAddress }
        if let maxConnectionsPerUser { limits.connectionsPerUser = maxConnectionsPerUser }
        RateOption.apply(rates, to: &limits)
        configuration.limits = limits
    }
}
