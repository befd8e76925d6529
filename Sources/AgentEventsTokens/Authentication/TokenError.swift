import AgentEventsHub

/// The reason why a token does not count.
package struct TokenError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The part of the policy that a token fails; few enough to be labels of metrics.
    package enum Reason: String, CaseIterable, Sendable {
        /// It is not a compact JWS of the allowed size.
        case form
        /// Its header asks for something that is not done.
        case header
        /// Its algorithm is not that of the key.
        case algorithm
        /// There is no such key.
        case key
        /// The signature is not that of the key.
        case signature
        /// A claim is missing, or is not what it should be.
        case claim
        /// It is valid only later.
        case early
        /// It was valid until before.
        case expired
        /// The keys cannot be obtained; the same token may count later.
        case unavailable
    }

    package var reason: Reason
    /// One sentence: what is wrong, and what would have been right. Never with the token, or with a text out of it.
    package var message: String

    package init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }

    package var description: String { message }
}

extension AuthenticationError {
    init(_ error: TokenError) {
        let code: Code =
            switch error.reason {
            case .expired: .expired
            case .unavailable: .unavailable
            case .form, .header, .algorithm, .key, .signature, .claim, .early: .invalid
            }
        self.init(code, error.message)
    }
}
