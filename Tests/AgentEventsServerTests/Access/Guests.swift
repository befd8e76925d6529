import AgentEvents
import AgentEventsHub

/// People with tokens of every kind, and the thread that it is about.
enum Guest: String, CaseIterable, Sendable {
    /// Has opened the thread.
    case owner
    /// The owner, with credentials without scopes.
    case scopeless
    /// The owner, with credentials that reach another thread only.
    case narrowed
    /// May read the thread by the credentials.
    case reader
    /// May read it and answer requests for approval by the credentials.
    case approver
    /// May read, command and emit for the owner by the credentials.
    case writer
    /// Members of the thread, by the roles.
    case memberViewer, memberApprover, memberParticipant, memberOwner
    /// Was a member of the thread.
    case memberExpired
    /// Is a member of the thread, and has credentials that reach another one only.
    case memberNarrowed
    /// Has nothing to do with it.
    case stranger
    /// Emits for everybody.
    case backend
    /// Its credentials have expired.
    case expired
    /// Has no credentials.
    case nobody

    /// Everything but the administration.
    static let scopes = Set(Scope.allCases).subtracting([.admin])
    static let thread: ThreadID = "aaa-1"

    var headers: [String: String] { self == .nobody ? [:] : ["Authorization": "Bearer \(rawValue)"] }

    private func granted(_ scopes: Set<Scope>) -> ThreadGrant {
        .listed([ThreadAllowance(ThreadPattern(Self.thread.rawValue), scopes: scopes)])
    }

    var principal: Principal? {
        switch self {
        case .owner: Principal(user: "owner", scopes: Self.scopes)
        case .scopeless: Principal(user: "owner", scopes: [])
        case .narrowed:
            Principal(
                user: "owner", scopes: Self.scopes, threads: .listed([ThreadAllowance(ThreadPattern("other-*"))]),
                isLimitedToThreads: true)
        case .reader: Principal(user: "reader", scopes: Self.scopes, threads: granted([.read]))
        case .approver: Principal(user: "approver", scopes: Self.scopes, threads: granted([.read, .approve]))
        case .writer:
            Principal(
                user: "writer", scopes: Self.scopes, threads: granted([.read, .command, .emit]),
                actsAs: .listed(["owner"]))
        case .memberViewer, .memberApprover, .memberParticipant, .memberOwner, .memberExpired, .stranger:
            Principal(user: UserID(stringLiteral: rawValue), scopes: Self.scopes)
        case .memberNarrowed:
            Principal(
                user: UserID(stringLiteral: rawValue), scopes: Self.scopes,
                threads: .listed([ThreadAllowance(ThreadPattern("other-*"))]), isLimitedToThreads: true)
        case .backend: Principal(user: "backend", scopes: [.emit], actsAs: .everybody)
        case .expired, .nobody: nil
        }
    }

    /// The stored membership.
    var row: StoredValue? {
        let role: String
        switch self {
        case .memberViewer: role = "viewer"
        case .memberApprover: role = "approver"
        case .memberParticipant: role = "participant"
        case .memberOwner, .memberExpired, .memberNarrowed: role = "owner"
        case .owner, .scopeless, .narrowed, .reader, .approver, .writer, .stranger, .backend, .expired, .nobody:
            return nil
        }
        let end = self == .memberExpired ? #""2026-01-02T00:00:00.000Z""# : "null"
        let json =
            #"{"role":"\#(role)","granted_by":"owner","granted_at":"2026-01-01T00:00:00.000Z","expires_at":\#(end)}"#
        return StoredValue(.member, thread: Self.thread, name: rawValue, bytes: Array(json.utf8))
    }

    /// Whether the credentials reach none of the threads that it is about.
    var isNarrowed: Bool { self == .narrowed || self == .memberNarrowed }

    /// Whether the guest opens threads by any id.
    var isBackend: Bool { self == .writer || self == .backend }

    /// The rights that the guest has in the thread.
    var rights: Set<Scope> {
        switch self {
        case .owner: Self.scopes
        case .reader, .memberViewer: [.read]
        case .approver, .memberApprover: [.read, .approve]
        case .memberParticipant: [.read, .command, .approve]
        // It emits for nobody but itself.
        case .memberOwner: [.read, .command, .approve, .share]
        case .writer: [.read, .command, .approve, .emit]
        case .backend: [.emit]
        case .scopeless, .narrowed, .memberExpired, .memberNarrowed, .stranger, .expired, .nobody: []
        }
    }
}

/// Knows a token for each guest, its name.
struct GuestAuthenticator: Authenticator {
    var needsCredentials: Bool { true }

    func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
        guard let token = credentials.token else { throw AuthenticationError(.missing, "send a token") }
        guard let guest = Guest(rawValue: token), guest != .nobody else {
            throw AuthenticationError(.invalid, "that token is none")
        }
        guard let principal = guest.principal else { throw AuthenticationError(.expired, "that token has expired") }
        return principal
    }
}
