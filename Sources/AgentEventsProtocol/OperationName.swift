/// The ops that a client may send, by their names on the wire.
package enum OperationName: String, CaseIterable, Sendable {
    case auth
    case subscribe
    case unsubscribe
    case ack
    case emit
    case command
    case refresh
    case watch
    case unwatch
    case serve
    case take
    case decline
    case renew
    case ping
    case pong

    /// Whether this service does what the op asks for; the others are known, and refused with `op.unsupported`.
    package var isSupported: Bool {
        switch self {
        case .subscribe, .unsubscribe, .ack, .emit, .command, .refresh, .watch, .unwatch, .serve, .take, .decline,
            .renew, .ping, .pong:
            true
        case .auth: false
        }
    }

    /// The members that a message with the op may have, in the order of the schema; others are refused.
    package var members: [String] {
        switch self {
        case .auth, .refresh: ["op", "req", "token"]
        case .subscribe: ["op", "req", "thread_id", "after", "consumer", "snapshot", "merge", "members"]
        case .unsubscribe: ["op", "req", "thread_id"]
        case .ack: ["op", "req", "thread_id", "cursor"]
        case .emit: ["op", "req", "thread_id", "user_id", "lease", "key", "events"]
        case .command: ["op", "req", "thread_id", "key", "name", "run_id", "as_of", "data"]
        case .watch: ["op", "req", "q", "status", "agent", "limit"]
        case .serve: ["op", "req", "worker_id", "agents", "capacity", "restart", "leases"]
        case .take: ["op", "req", "lease"]
        case .decline: ["op", "req", "lease", "reason"]
        case .renew: ["op", "req", "leases"]
        case .unwatch, .ping, .pong: ["op", "req"]
        }
    }

    /// The names in one line, for error messages.
    static var known: String { allCases.map(\.rawValue).joined(separator: ", ") }
    /// The names of the supported ops in one line.
    static var supported: String { allCases.filter(\.isSupported).map(\.rawValue).joined(separator: ", ") }
}
