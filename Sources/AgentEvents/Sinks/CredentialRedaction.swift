/// Replaces what looks like a credential in JSON that is about to be logged for people.
package struct CredentialRedaction: Sendable {
    static let replacement = JSONValue.string("[redacted]")

    private static let credentialNames = [
        "password", "passwd", "passphrase", "secret", "apikey", "accesskey", "privatekey", "authorization",
        "credential",
        "cookie", "bearer", "jwt",
    ]

    /// Whether the value under a key is a credential, going by the key: case, hyphens and underscores do not count.
    /// `token` and what ends in it is one; `input_tokens` and other counts are not.
    package static func looksLikeCredential(_ key: String) -> Bool {
        let plain = key.lowercased().filter { $0 != "_" && $0 != "-" && $0 != " " }
        return plain.hasSuffix("token") || credentialNames.contains { plain.contains($0) }
    }

    static func redacted(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let object):
            .object(
                JSONObject(
                    uniqueMembers: object.map { member in
                        (member.key, looksLikeCredential(member.key) ? replacement : redacted(member.value))
                    }))
        case .array(let elements):
            .array(elements.map(redacted))
        case .null, .bool, .number, .string, .unpairedString:
            value
        }
    }
}
