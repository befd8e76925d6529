import AgentEvents
import AgentEventsHub
import AgentEventsTokens
import Crypto

/// The key of all tokens here, and the time at which they are read.
package struct FuzzKey: Sendable {
    static let now = Timestamp(milliseconds: 1_700_000_000_000)
    private static let secret = [UInt8]("a secret of thirty-two bytes, 1.".utf8)

    let key: TokenKey

    package init() async throws {
        key = try await TokenKey.secret(Self.secret, name: TokenKey.Name(issuer: nil, id: nil))
    }

    /// A token whose signature fits, whatever its claims are. Not made by what checks it.
    func token(claims: [UInt8]) -> String {
        let signed = Base64URL.encode(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8)) + "." + Base64URL.encode(claims)
        let code = HMAC<SHA256>.authenticationCode(
            for: Array(signed.utf8), using: SymmetricKey(data: Self.secret))
        return signed + "." + Base64URL.encode(Array(code))
    }
}

/// Tokens: nothing counts but what was signed, in the one form in which it was signed, and no claim counts that says nothing.
struct TokenSubject {
    private let key: FuzzKey
    private let good: Set<[UInt8]>
    private let policies: [TokenPolicy]

    init(_ good: [[UInt8]], key: FuzzKey) {
        self.key = key
        self.good = Set(good)
        let plain = TokenIssuer(keys: .keySetFile("keys.json"))
        let named = TokenIssuer(name: "i", audiences: ["agent-events"], keys: .keySetFile("keys.json"))
        policies = [plain, named].map { TokenPolicy($0, TokenConfiguration(issuers: [$0])) }
    }

    func problem(ofToken input: [UInt8]) -> String? {
        let text = String(decoding: input, as: UTF8.self)
        do throws(TokenError) {
            _ = try VerifiedToken(try TokenParser.parse(text), signedBy: key.key)
        } catch {
            return Refusal.problem(error.message)
        }
        return good.contains(Array(text.utf8)) ? nil : "a token counts that nobody has signed"
    }

    func problem(ofClaims input: [UInt8]) -> String? {
        let claims: TokenClaims
        let verified: VerifiedToken
        do throws(TokenError) {
            verified = try VerifiedToken(try TokenParser.parse(key.token(claims: input)), signedBy: key.key)
            claims = try TokenClaims(verified)
        } catch {
            return Refusal.problem(error.message)
        }
        for policy in policies {
            do throws(TokenError) {
                try policy.checkAddress(claims)
                try policy.check(claims, at: FuzzKey.now)
            } catch {
                if let problem = Refusal.problem(error.message) { return problem }
                continue
            }
            if let problem = problem(of: policy.principal(claims, key: verified.key, at: FuzzKey.now), input) {
                return problem
            }
        }
        return nil
    }

    /// What whoever counts must be, told from the bytes and not from the claims that were read.
    private func problem(of principal: Principal, _ input: [UInt8]) -> String? {
        guard let end = principal.expiresAt else { return "a token without an end counts" }
        let left = end.milliseconds - FuzzKey.now.milliseconds
        guard (0...(24 * 3600 + 30) * 1000).contains(left) else { return "a token counts for \(left) ms" }
        let user = principal.user.rawValue
        guard (1...256).contains(user.utf8.count), user.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return "the user of a token that counts is \(user.debugDescription)"
        }
        guard let claims = try? JSONValue(parsing: input).objectValue else { return "claims count that are no object" }
        guard Set(claims.keys).count == claims.keys.count else { return "claims count that stand twice" }
        return claims["sub"]?.stringValue == user ? nil : "the user of a token is not the one in its claims"
    }
}
