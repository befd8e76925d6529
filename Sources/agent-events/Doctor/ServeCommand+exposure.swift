internal import AgentEventsHub
internal import AgentEventsServer
internal import Foundation

extension ServeCommand {
    /// The findings about what others on the network may read, and who may come in beside those that are meant: said by the
    /// doctor, and by the service when it starts.
    var exposure: [Finding] {
        var findings: [Finding] = []
        if auth == .jwt, case .host(let host, _) = address {
            findings.append(
                Diagnosis.encryption(
                    host, isLoopback: LoopbackHost.isLoopback(host), hasTLS: listen.tlsCertificate != nil,
                    hasProxies: !listen.trustedProxies.isEmpty))
        }
        if let host = operation.metricsListen?.host, !LoopbackHost.isLoopback(host) {
            findings.append(Diagnosis.metrics(host))
        }
        // With an address of keys serve does not start without it; a shared secret is of those alone who have it.
        if auth == .jwt, let keys = tokens.jwks {
            findings.append(Diagnosis.audience(hasAudience: !tokens.jwtAudiences.isEmpty, keys: keys))
        }
        if let webhook = sinks.webhook, let url = URLComponents(string: webhook) {
            findings.append(
                Diagnosis.webhook(
                    isSafe: url.scheme?.lowercased() == "https" || LoopbackHost.isLoopback(url.host ?? ""),
                    host: url.host ?? ""))
        }
        return findings
    }
}
