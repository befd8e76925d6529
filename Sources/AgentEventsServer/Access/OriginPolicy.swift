import AgentEventsHub
package import AgentEventsProtocol

/// Which web pages may use the service.
///
/// Browsers let any page open a WebSocket to, or post to, a service on the user's own machine, and tell the service
/// only where the page comes from.
package struct OriginPolicy: Sendable {
    /// The origins whose pages may use the service, such as `https://chat.example.com`.
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

    /// The headers of an answer that let the page read it (CORS, the Fetch standard); none for other pages. Credentials
    /// are never allowed: there are no cookies here, and a token is sent by the page itself.
    ///
    /// - Parameter origin: the header `Origin` of the request.
    package func answerHeaders(to origin: String?) -> [(name: String, value: String)] {
        guard !allowedOrigins.isEmpty else { return [] }
        // What one page may read, a cache must not give to another one.
        let vary = (name: "Vary", value: "Origin")
        guard let origin, allowedOrigins.contains(origin) else { return [vary] }
        return [
            vary, (name: "Access-Control-Allow-Origin", value: origin),
            (
                name: "Access-Control-Expose-Headers",
                value: "Accept, Accept-Encoding, Allow, Retry-After, WWW-Authenticate"
            ),
        ]
    }

    /// The headers that a page may send beyond those that browsers always let it send.
    package static let requestHeaders = "Authorization, Content-Encoding, Content-Type, Idempotency-Key, Last-Event-ID"
    /// The time for which a browser may keep the answer to a preflight, in seconds.
    package static let preflightSeconds = 600

    /// The service's own pages.
    private func isSame(_ origin: String, _ host: String?) -> Bool {
        guard let host else { return false }
        return ["http://", "https://"].contains { origin.lowercased() == $0 + host.lowercased() }
    }
}
