import AgentEventsHub
package import AgentEventsProtocol

/// A token as a parameter of a URL: it would stay in the logs of proxies, in the history of browsers and in `Referer`, so a
/// request with one is refused, whether the token counts or not, and nothing of it is told or logged.
package enum TokenInURL {
    /// The names by which others send tokens.
    private static let names: Set<String> = [
        "token", "access_token", "accesstoken", "auth_token", "authtoken", "id_token", "jwt", "bearer", "authorization",
    ]

    package static func isPresent(in query: String) -> Bool {
        query.split(separator: "&").contains { pair in
            let name = String(pair.prefix { $0 != "=" })
            return names.contains((PercentEncoding.decode(name) ?? name).lowercased())
        }
    }

    package static let refusal = ProtocolError(
        .authenticationInURL,
        "a token stands in the header Authorization, on a WebSocket also in a subprotocol or in the first message, and never "
            + "in a URL, where logs keep it: do not use this one any longer")
}
