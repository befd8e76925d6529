package import AgentEventsHub
package import AgentEventsProtocol

/// Which web pages may use the service.
///
/// Browsers let any page open a WebSocket to, or post to, a service on the user's own machine, and tell the service
/// only where the page comes from.
package struct OriginPolicy: Sendable {
    /// The origins whose pages may use the service. Those that are replaced count in all copies of the policy.
    package let allowedOrigins: AllowedOrigins
    /// Without credentials anybody who reaches the service may use it, so the name under which it is reached must be
    /// one of this machine: a page could have its own name point here.
    package var needsCredentials: Bool

    package init(allowedOrigins: AllowedOrigins, needsCredentials: Bool) {
        self.allowedOrigins = allowedOrigins
        self.needsCredentials = needsCredentials
    }

    package init(allowedOrigins: Set<String>, needsCredentials: Bool) {
        self.init(allowedOrigins: AllowedOrigins(allowedOrigins), needsCredentials: needsCredentials)
    }

    /// Decides about the headers `Origin` and `Host` of a request.
    ///
    /// - Returns: why the request is refused, or `nil` when it is not.
    package func refusal(origin: String?, host: String?) -> ProtocolError? {
        // First, and for pages of allowed origins as well: one of them may be fooled about where it sends its request.
        if !needsCredentials, let host, !LoopbackHost.isLoopback(authority: host) {
            return ProtocolError(
                .hostForbidden,
                "without authentication this service answers on loopback names only, and not as \(host)"
            )
        }
        guard let origin, !allows(origin), !isSame(origin, host) else { return nil }
        return ProtocolError(
            .originForbidden, "pages from \(origin) may not use this service; allow them with --allowed-origin")
    }

    /// Whether pages of an origin may use the service. `null` is the origin of pages that have none.
    package func allows(_ origin: String) -> Bool {
        origin != "null" && allowedOrigins.contains(origin)
    }

    /// The headers of an answer that let the page read it (CORS, the Fetch standard); none for other pages. Credentials
    /// are never allowed: there are no cookies here, and a token is sent by the page itself.
    ///
    /// - Parameter origin: the header `Origin` of the request.
    package func answerHeaders(to origin: String?) -> [(name: String, value: String)] {
        guard !allowedOrigins.isEmpty else { return [] }
        // What one page may read, a cache must not give to another one.
        let vary = (name: "Vary", value: "Origin")
        guard let origin, allows(origin) else { return [vary] }
        return [
            vary, (name: "Access-Control-Allow-Origin", value: origin),
            (
                name: "Access-Control-Expose-Headers",
                value: "Accept, Accept-Encoding, Allow, Last-Event-ID, Retry-After, WWW-Authenticate"
            ),
        ]
    }

    /// The headers that a page may send beyond those that browsers always let it send; `User-Agent`, since clients of the AI SDK before
    /// 2026-03 set it, and Safari and Firefox ask for it then (vercel/ai#9256).
    package static let requestHeaders =
        "Authorization, Content-Encoding, Content-Type, Idempotency-Key, Last-Event-ID, User-Agent"
    /// The time for which a browser may keep the answer to a preflight, in seconds.
    package static let preflightSeconds = 600

    /// The service's own pages.
    private func isSame(_ origin: String, _ host: String?) -> Bool {
        guard let host else { return false }
        return ["http://", "https://"].contains { origin.lowercased() == $0 + host.lowercased() }
    }
}
