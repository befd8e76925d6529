internal import AgentEventsHub
internal import AgentEventsServer
internal import Foundation

extension ServeCommand {
    /// What others on the network may read: said by the doctor, and by the service when it starts.
    var exposure: [Finding] {
        var findings: [Finding] = []
        if auth == .jwt, case .host(let host, _) = address {
            findings.append(
                Diagnosis.encryption(
                    host, isLoopback: LoopbackHost.isLoopback(host), hasTLS: listen.tlsCertificate != nil,
                    hasProxies: !listen.trustedProxies.isEmpty))
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
