internal import AgentEvents
internal import AgentEventsHub
internal import AgentEventsInterop
internal import AgentEventsServer
internal import Logging

/// The value that counts for a setting that is not set.
struct UnsetValue {
    let text: String
    /// The settings that it follows from; `nil` for none.
    var source: String?

    init(_ text: String?, from source: String? = nil) {
        self.text = text ?? "none"
        self.source = source
    }
}

/// The values that count for settings which are not set, where they are not in the declaration of the option: they follow from other
/// settings, or are those of the library. A setting that is not here has none, such as a certificate.
extension ServeCommand {
    var unsetValues: [String: UnsetValue] {
        var values = listeningValues
        values.merge(limitValues) { $1 }
        values.merge(storageValues) { $1 }
        values["jwt-algorithm"] = UnsetValue(tokens.jwtSecretFile.map { _ in "HS256" })
        values["link-secret-file"] = UnsetValue(
            auth == .jwt && !inMemory ? "\(folder)/\(TokenOptions.linkSecretName)" : nil)
        values["interop"] = UnsetValue(
            "[\(interop.protocols.map(\.rawValue).joined(separator: ", "))]")
        values["webhook-event"] = UnsetValue(
            sinks.webhook.map { _ in "[\(EventType.allCases.map(\.rawValue).joined(separator: ", "))]" })
        values["sink-pause"] = UnsetValue(Self.text(SinkRetryPolicy.patient.longestPause))
        values["sink-patience"] = UnsetValue(Self.text(SinkRetryPolicy.patient.minimumRefusalTime))
        values["demo-folder"] = UnsetValue(demo.isOn ? "." : nil)
        values["demo-pace"] = UnsetValue(
            demo.isOn && demo.modelURL == nil ? "\(DemoOptions.defaultPace)" : nil)
        values["model"] = UnsetValue(demo.modelURL.map { _ in DemoOptions.defaultModel })
        values["demo-restart"] = UnsetValue(demo.isOn ? DemoOptions.Restart.resume.rawValue : nil)
        values["log-level"] = UnsetValue(operation.logLevel.rawValue)
        values["log-format"] = UnsetValue(operation.logFormat.rawValue)
        return values
    }

    private var listeningValues: [String: UnsetValue] {
        var values = ["forwarded-header": UnsetValue(listen.forwardedHeader.rawValue)]
        guard listen.listen != nil else {
            values["listen"] = UnsetValue(place, from: "host, port")
            return values
        }
        switch address {
        case .host(let host, let port):
            values["host"] = UnsetValue(host, from: "listen")
            values["port"] = UnsetValue("\(port)", from: "listen")
        case .unixSocket:
            values["host"] = UnsetValue(nil, from: "listen")
            values["port"] = UnsetValue(nil, from: "listen")
            values["socket-mode"] = UnsetValue("0660")
        }
        return values
    }

    private var limitValues: [String: UnsetValue] {
        var configuration = ServiceConfiguration()
        applyChangeable(to: &configuration)
        let limits = configuration.limits ?? LimitConfiguration.none
        func text(_ count: Int?) -> UnsetValue { UnsetValue(count.map { "\($0)" }) }
        return [
            "limits": UnsetValue(self.limits.profile(needsCredentials: auth != .none).rawValue),
            "max-connections": text(configuration.maximumConnections),
            "max-connections-per-address": text(limits.connectionsPerAddress),
            "max-connections-per-user": text(limits.connectionsPerUser),
            "rate": UnsetValue("[\(RateOption.texts(of: limits).joined(separator: ", "))]"),
        ]
    }

    private var storageValues: [String: UnsetValue] {
        let timeout = UnsetValue(Self.text(RuntimeConfiguration().emittedRunTimeout))
        guard !inMemory else { return ["emitted-run-timeout": timeout] }
        return [
            "emitted-run-timeout": timeout, "data": UnsetValue(folder), "durability": UnsetValue("process"),
            "backup-folder": UnsetValue("\(folder)/backups"),
        ]
    }

    private static func text(_ time: Duration) -> String { TimeSpan.text(time.components.seconds) }
}
