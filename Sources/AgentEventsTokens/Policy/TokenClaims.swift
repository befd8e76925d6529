package import AgentEvents
package import AgentEventsHub

/// The claims of a token that count here, read strictly.
///
/// Other claims are left alone, among them `tenant`, `email` and whatever else issuers add.
package struct TokenClaims: Hashable, Sendable {
    /// The largest number that a claim may have: above it JavaScript cannot tell numbers apart.
    static let maximumNumber: Int64 = 1 << 53
    /// The largest number of entries of `threads`, and of `act_as`.
    static let maximumGrantCount = 256

    package var user: UserID
    package var issuer: String?
    package var audiences: [String]?
    package var id: String?
    /// In seconds since 1970, as the others.
    package var expiry: Int64?
    package var notBefore: Int64?
    package var issuedAt: Int64?
    package var scopes: Set<Scope>
    package var threads: ThreadGrant
    package var isLimitedToThreads: Bool
    package var actsAs: UserGrant
    package var groups: Set<GroupID>

    /// The largest number of entries of `groups`.
    static let maximumGroupCount = 256

    /// The scopes of a token that names none.
    static let standardScopes: Set<Scope> = [.read, .command, .open]

    /// - Throws: ``TokenError`` `claim`.
    package init(_ token: VerifiedToken) throws(TokenError) {
        let claims = token.claims
        user = try Self.user(claims)
        issuer = try Self.text("iss", claims)
        audiences = try Self.audiences(claims)
        id = try Self.text("jti", claims)
        expiry = try Self.number("exp", claims)
        notBefore = try Self.number("nbf", claims)
        issuedAt = try Self.number("iat", claims)
        scopes = try claims["scope"].map(Self.scopes) ?? Self.standardScopes
        threads = try claims["threads"].map(Self.threads) ?? .own
        isLimitedToThreads = try Self.flag("threads_only", claims)
        actsAs = try claims["act_as"].map(Self.users) ?? .nobody
        groups = try claims["groups"].map(Self.groups) ?? []
        if isLimitedToThreads, case .own = threads {
            throw TokenError(.claim, "the token is limited to its threads (threads_only), and lists none (threads)")
        }
    }

    // MARK: Who, and until when

    private static func user(_ claims: JSONObject) throws(TokenError) -> UserID {
        guard let value = claims["sub"] else { throw TokenError(.claim, "the token names no user (sub)") }
        guard let text = value.stringValue else { throw TokenError(.claim, "the user of a token (sub) is a text") }
        do throws(IdentifierError) {
            return try UserID(text)
        } catch {
            throw TokenError(.claim, "the user of the token (sub) is not one: \(error.message)")
        }
    }

    private static func text(_ name: String, _ claims: JSONObject) throws(TokenError) -> String? {
        guard let value = claims[name] else { return nil }
        guard let text = value.stringValue, (1...1024).contains(text.utf8.count) else {
            throw TokenError(.claim, "the claim \(name) is a text of 1 to 1024 bytes")
        }
        return text
    }

    private static func audiences(_ claims: JSONObject) throws(TokenError) -> [String]? {
        guard let value = claims["aud"] else { return nil }
        if let text = value.stringValue { return [text] }
        let texts = value.arrayValue?.compactMap(\.stringValue)
        guard let texts, texts.count == value.arrayValue?.count else {
            throw TokenError(.claim, "the audience of a token (aud) is a text or a list of texts")
        }
        return texts
    }

    private static func number(_ name: String, _ claims: JSONObject) throws(TokenError) -> Int64? {
        guard let value = claims[name] else { return nil }
        guard let number = value.integerValue, (0...maximumNumber).contains(number), value.numberValue?.literal != "-0"
        else {
            throw TokenError(.claim, "the claim \(name) is a time in whole seconds since 1970, from 0 to 2^53")
        }
        return number
    }

    private static func flag(_ name: String, _ claims: JSONObject) throws(TokenError) -> Bool {
        guard let value = claims[name] else { return false }
        guard let flag = value.boolValue else { throw TokenError(.claim, "the claim \(name) is true or false") }
        return flag
    }

    // MARK: What

    /// Names that others use, such as `openid`, are passed over.
    private static func scopes(_ value: JSONValue) throws(TokenError) -> Set<Scope> {
        let names: [String]
        if let text = value.stringValue {
            names = text.split(separator: " ").map(String.init)
        } else if let list = value.arrayValue, list.allSatisfy({ $0.stringValue != nil }) {
            names = list.compactMap(\.stringValue)
        } else {
            throw TokenError(.claim, "the claim scope is a text with spaces, or a list of texts: \"read command\"")
        }
        return Set(names.compactMap(Scope.init(rawValue:)))
    }

    private static func threads(_ value: JSONValue) throws(TokenError) -> ThreadGrant {
        guard let list = value.arrayValue, list.count <= maximumGrantCount else {
            throw TokenError(
                .claim,
                "the claim threads is a list of at most \(maximumGrantCount): ids, id*, or {\"id\":…,\"allow\":[…]}")
        }
        var allowances: [ThreadAllowance] = []
        for entry in list { allowances.append(try allowance(entry)) }
        return .listed(allowances)
    }

    private static func allowance(_ entry: JSONValue) throws(TokenError) -> ThreadAllowance {
        if let text = entry.stringValue { return ThreadAllowance(try pattern(text)) }
        guard let object = entry.objectValue, let text = object["id"]?.stringValue,
            object.keys.allSatisfy({ $0 == "id" || $0 == "allow" })
        else {
            throw TokenError(.claim, "an entry of threads is a text, or an object with id and allow and nothing else")
        }
        guard let allow = object["allow"] else { return ThreadAllowance(try pattern(text)) }
        guard let names = allow.arrayValue, names.allSatisfy({ $0.stringValue != nil }) else {
            throw TokenError(.claim, "the member allow of threads is a list of scopes")
        }
        // One that is not known allows nothing.
        return ThreadAllowance(
            try pattern(text), scopes: Set(names.compactMap(\.stringValue).compactMap(Scope.init(rawValue:))))
    }

    private static func pattern(_ text: String) throws(TokenError) -> ThreadPattern {
        let stem = text.hasSuffix("*") ? text.dropLast() : text[...]
        do throws(IdentifierError) {
            // The star alone stands for every thread; elsewhere than at the end it is not allowed in ids.
            if text != "*" { _ = try IdentifierText(stem, kind: "thread id") }
            return ThreadPattern(text)
        } catch {
            throw TokenError(
                .claim, "an entry of threads is an id, or the beginning of ids and a star: \(error.message)")
        }
    }

    /// Groups are the issuer's, for whomever they are: those with a name that no id has are passed over.
    private static func groups(_ value: JSONValue) throws(TokenError) -> Set<GroupID> {
        guard let list = value.arrayValue, list.count <= maximumGroupCount, list.allSatisfy({ $0.stringValue != nil })
        else { throw TokenError(.claim, "the claim groups is a list of at most \(maximumGroupCount) texts") }
        return Set(list.compactMap { $0.stringValue.flatMap { try? GroupID($0) } })
    }

    private static func users(_ value: JSONValue) throws(TokenError) -> UserGrant {
        if value.stringValue == "*" { return .everybody }
        guard let list = value.arrayValue, list.count <= maximumGrantCount else {
            throw TokenError(.claim, "the claim act_as is \"*\", or a list of at most \(maximumGrantCount) users")
        }
        var users: Set<UserID> = []
        for entry in list {
            guard let text = entry.stringValue, let user = try? UserID(text) else {
                throw TokenError(.claim, "an entry of act_as is a user id")
            }
            users.insert(user)
        }
        return .listed(users)
    }
}
