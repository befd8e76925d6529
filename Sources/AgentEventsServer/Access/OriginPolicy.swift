/// Which web pages may use the service.
///
/// Browsers let any page open a WebSocket to, or post to, a service on the user's own machine, and tell the service
/// only where the page comes from.
package struct OriginPolicy: Sendable {
    /// The origins whose pages may use the service, such as `https://chat.example.com`; `*` for all.
    package var allowedOrigins: Set<String>
    /// Without credentials anybody who reaches the service may use it, so the name under which it is reached must be
    /// one of this machine: a page could have its own name point here.
    package var needsCredentials: Bool

    package init(allowedOrigins: Set<String>, needsCredentials: Bool) {
        self.allowedOrigins = allowedOrigins
        self.needsCredentials = needsCredentials
    }

    /// Decides about the headers `Origin` and `Host` of a request.
    ///
    /// - Returns: why the request is refused, or `nil` when it is not.
    package func refusal(origin: String?, host: String?) -> ProtocolError? {
        if allowedOrigins.contains("*") { return nil }
        if let origin, allowedOrigins.contains(origin) { return nil }
        if !needsCredentials, let host, !LoopbackHost.isLoopback(LoopbackHost.host(ofAuthority: host)) {
            return ProtocolError(
                .hostForbidden,
                "without authentication this service answers on loopback names only, and not as \(host)"
            )
        }
        guard let origin, !isSame(origin, host) else { return nil }
        return ProtocolError(
            .originForbidden, "pages from \(origin) may not use this service; allow them with --allowed-origin")
    }

    /// The service's own pages.
    private func isSame(_ origin: String, _ host: String?) -> Bool {
        guard let host else { return false }
        return ["http://", "https://"].contains { origin.lowercased() == $0 + host.lowercased() }
    }
}
