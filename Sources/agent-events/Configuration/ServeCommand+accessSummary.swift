internal import AgentEventsHub
internal import AgentEventsServer

/// What the settings of access add up to, for people: several of them have defaults that follow from others.
extension ServeCommand {
    /// Lines that are comments in a file of settings.
    var accessSummary: [String] {
        var configuration = ServiceConfiguration()
        applyChangeable(to: &configuration)
        let limits = configuration.limits ?? .none
        return ([accessLine] + limitLines(limits) + [connectionLine(configuration)]).map { "# \($0)" }
    }

    /// Where it listens, as `--listen` takes it.
    var place: String {
        switch address {
        case .host(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unixSocket(let path): "unix:\(path)"
        }
    }

    private var accessLine: String {
        switch auth {
        case .none:
            return "access: everybody who reaches \(place), as one user and without a token (auth: none)"
        case .jwt:
            return "access: by token, at \(place); others are refused"
        }
    }

    private func limitLines(_ limits: LimitConfiguration) -> [String] {
        guard limits.connectionsPerAddress != nil || limits.messages != nil else {
            let reason = auth == .none && self.limits.profile == nil ? ", since there is one user, on this machine" : ""
            return ["limits: none\(reason); limits: standard is for a service that others reach"]
        }
        func rate(_ rate: RateLimit?) -> String {
            guard let rate else { return "any number" }
            return "\(rate.count) in \(rate.period.components.seconds) s"
        }
        return [
            "limits: " + (limits.isDryRun ? "counted and logged, and not applied (limits-dry-run)" : "applied"),
            "  an address: \(limits.connectionsPerAddress ?? 0) connections, new ones "
                + limits.connectsPerAddress.map { rate($0) }.joined(separator: " and ")
                + (limits.includesLoopback ? "" : "; addresses of this machine are not limited"),
            "  a user: \(limits.connectionsPerUser ?? 0) connections, messages to agents \(rate(limits.userMessages))",
            "  a connection: requests \(rate(limits.messages)), of a backend \(rate(limits.emitterMessages))",
            "  all rates: \(RateOption.texts(of: limits).joined(separator: ", "))",
        ]
    }

    private func connectionLine(_ configuration: ServiceConfiguration) -> String {
        guard let maximum = configuration.maximumConnections else { return "connections: as many as files may be open" }
        return "connections: \(maximum) at most"
    }
}
