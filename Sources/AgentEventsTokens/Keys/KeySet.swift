import AgentEvents

/// A JWK set (RFC 7517, section 5): its keys that are used here, and why the others are not. Each key is read alone: one that
/// cannot be read takes no other one away.
package struct KeySet: Sendable {
    /// The largest set, in bytes.
    package static let maximumByteCount = 256 * 1024
    /// The largest number of keys in a set.
    package static let maximumCount = 64

    package private(set) var keys: [TokenKey] = []
    /// One sentence for each key that is not used.
    package private(set) var problems: [String] = []

    /// - Throws: ``TokenKeyError`` when the bytes are not such a set.
    package init(_ bytes: [UInt8], issuer: String?) async throws {
        guard bytes.count <= Self.maximumByteCount else {
            throw TokenKeyError("a set of keys has at most \(Self.maximumByteCount) bytes")
        }
        guard let list = TokenParser.object(bytes)?["keys"]?.arrayValue else {
            throw TokenKeyError("a set of keys is a JSON object with the member keys, a list: {\"keys\":[…]}")
        }
        guard list.count <= Self.maximumCount else {
            throw TokenKeyError("a set has at most \(Self.maximumCount) keys, and this one has \(list.count)")
        }
        var names: Set<String> = []
        for (index, value) in list.enumerated() {
            do {
                guard let jwk = value.objectValue else { throw TokenKeyError("it is not an object") }
                let key = try await TokenKey.publicKey(jwk, issuer: issuer)
                guard let id = key.name.id else {
                    guard list.count == 1 else {
                        throw TokenKeyError("it has no name (kid), which it needs beside other keys")
                    }
                    keys.append(key)
                    continue
                }
                guard names.insert(id).inserted else {
                    throw TokenKeyError("another key of the set has its name (kid)")
                }
                keys.append(key)
            } catch let error as TokenKeyError {
                problems.append("key \(index + 1) of \(list.count) is not used: \(error.message)")
            }
        }
    }

    package var table: KeyTable { KeyTable(keys) }
}
