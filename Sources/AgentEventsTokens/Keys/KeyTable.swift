import AgentEvents

/// The keys of one issuer, by their names.
package struct KeyTable: Sendable {
    private var keys: [String?: TokenKey] = [:]

    /// - Parameter keys: with a name each, when there is more than one; no two of one name.
    package init(_ keys: [TokenKey]) {
        for key in keys { self.keys[key.name.id] = key }
    }

    package var count: Int { keys.count }

    package var fingerprints: Set<[UInt8]> { Set(keys.values.map(\.fingerprint)) }

    package enum Answer: Sendable {
        case key(TokenKey)
        /// There are several keys, and the token names none.
        case nameNeeded
        /// There is no key of the name. No other one takes its place.
        case unknown
    }

    package func find(_ id: String?) -> Answer {
        if let id { return keys[.some(id)].map { .key($0) } ?? .unknown }
        guard keys.count <= 1 else { return .nameNeeded }
        return keys.values.first.map { .key($0) } ?? .unknown
    }

    /// The names of keys that another table has no longer, or has with other numbers.
    package func names(notIn other: KeyTable) -> Set<TokenKey.Name> {
        Set(
            keys.values.filter { other.keys[$0.name.id]?.fingerprint != $0.fingerprint }.map(\.name))
    }
}
