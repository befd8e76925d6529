import AgentEvents

/// Tokens whose signature was checked, by all of their bytes, so that one that comes again is not checked again: bounded, the
/// oldest go first. Tokens that do not count are not kept: they would push out those that do.
///
/// Times are not part of it: they are looked at each time.
package struct VerifiedTokenCache: Sendable {
    package static let maximumCount = 10_000

    /// What is known of a token.
    package struct Entry: Hashable, Sendable {
        package var claims: TokenClaims
        package var key: TokenKey.Name
        package var keyFingerprint: [UInt8]
        /// The index of its issuer.
        package var issuer: Int

        package init(claims: TokenClaims, key: TokenKey.Name, keyFingerprint: [UInt8] = [], issuer: Int) {
            self.claims = claims
            self.key = key
            self.keyFingerprint = keyFingerprint
            self.issuer = issuer
        }
    }

    private var entries: [[UInt8]: Entry] = [:]
    private var order = Deque<[UInt8]>()
    /// Rises when keys are gone: what was checked before counts no longer.
    package private(set) var epoch: UInt64 = 0

    package init() {}

    package var count: Int { entries.count }

    package func find(_ token: [UInt8]) -> Entry? { entries[token] }

    /// - Parameter epoch: the one at which the token's key was looked up.
    package mutating func keep(_ entry: Entry, for token: [UInt8], epoch: UInt64) {
        guard epoch == self.epoch, entries.updateValue(entry, forKey: token) == nil else { return }
        order.append(token)
        while order.count > Self.maximumCount, let oldest = order.popFirst() { entries[oldest] = nil }
    }

    /// A token has expired.
    package mutating func drop(_ token: [UInt8]) {
        // Its place in the order stays until its turn comes, so that the table is still bounded.
        entries[token] = nil
    }

    /// Keys are gone.
    package mutating func removeAll() {
        entries = [:]
        order = Deque()
        epoch += 1
    }
}
