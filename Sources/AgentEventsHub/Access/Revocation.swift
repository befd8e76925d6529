public import AgentEvents
import AgentEventsProtocol

/// Credentials that count no longer, though their time is not over.
@nonexhaustive
public enum Revocation: Hashable, Sendable {
    /// One token, by its own id (`jti`).
    case token(id: String)
    /// All tokens of a user that were issued before a time; `nil` for the time of the revocation. A token that does not say when
    /// it was issued counts as issued before.
    case user(UserID, issuedBefore: Timestamp?)
    /// All tokens that a key has signed: that of the issuer, or with `nil` the keys of this name of all issuers.
    case key(issuer: String?, id: String)
}

/// The reason why a revocation is not in effect for certain.
public struct RevocationError: Error, Sendable, CustomStringConvertible {
    /// Dotted and stable.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case full = "revocations.full"
            case notStored = "revocations.not_stored"
            case tooLong = "revocations.too_long"
        }
        private let value: Value

        /// As many revocations count as may.
        public static let full = Code(value: .full)
        /// It counts, and could not be stored: it would be forgotten with this process.
        public static let notStored = Code(value: .notStored)
        /// An id of the revocation is longer than a token may be.
        public static let tooLong = Code(value: .tooLong)

        public var description: String { value.rawValue }
    }

    public var code: Code
    /// One sentence: what would help.
    public var message: String
    /// The error of the store, if it is one.
    public var cause: (any Error)?

    init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { "\(code): \(message)" }
}

extension RevocationError.Code {
    public static func ~= (code: Self, error: any Error) -> Bool { (error as? RevocationError)?.code == code }
}

/// A revocation as it is kept.
package struct StoredRevocation: Hashable, Sendable {
    /// The tokens that it is about. Of each there is one revocation.
    package enum Subject: Hashable, Sendable {
        case token(String)
        case user(UserID)
        case key(issuer: String?, id: String)
    }

    package var subject: Subject
    /// Of a user: those that were issued before.
    package var issuedBefore: Timestamp?
    /// The end of its life: no token that it is about is valid any longer.
    package var until: Timestamp

    package init(_ subject: Subject, issuedBefore: Timestamp? = nil, until: Timestamp) {
        self.subject = subject
        self.issuedBefore = issuedBefore
        self.until = until
    }
}

extension StoredRevocation {
    /// The name under which it is stored, of a bounded length.
    var name: String { Hexadecimal.text(of: SHA256Hash.hash(JSONValue.object(JSONObject(subjectMembers)).encoded())) }

    var bytes: [UInt8] {
        var members = subjectMembers
        if let issuedBefore { members.append(("issued_before", .string(issuedBefore.rfc3339))) }
        members.append(("until", .string(until.rfc3339)))
        return JSONValue.object(JSONObject(members)).encoded()
    }

    private var subjectMembers: [(String, JSONValue)] {
        switch subject {
        case .token(let id): [("token_id", .string(id))]
        case .user(let user): [("user", user.json)]
        case .key(let issuer, let id): (issuer.map { [("issuer", .string($0))] } ?? []) + [("key", .string(id))]
        }
    }

    /// - Returns: `nil` when the bytes are not a revocation.
    init?(_ bytes: [UInt8]) {
        guard let json = try? JSONValue(parsing: bytes),
            let until = json["until"]?.stringValue.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        if let id = json["token_id"]?.stringValue {
            self.init(.token(id), until: until)
        } else if let user = json["user"]?.stringValue.flatMap({ try? UserID($0) }),
            let issuedBefore = json["issued_before"]?.stringValue.flatMap({ Timestamp(rfc3339: $0) })
        {
            self.init(.user(user), issuedBefore: issuedBefore, until: until)
        } else if let id = json["key"]?.stringValue {
            self.init(.key(issuer: json["issuer"]?.stringValue, id: id), until: until)
        } else {
            return nil
        }
    }
}
