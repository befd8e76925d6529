package import AgentEvents
package import AgentEventsProtocol
import NIOCore

/// Decides what the messages of a session are for the client of a namespace.
///
///     connecting ── the thread is looked up (in `/`: welcome) ──> connected ── the thread is gone ──> ended
///         └── it cannot be ──> ended
package struct NamespaceStateMachine: Sendable {
    private enum State: Equatable {
        case connecting
        case connected
        case ended
    }

    /// The mark of the request that follows the thread of a namespace.
    package static let connectTag = "connect"

    private let place: RecoveryPlace?
    private var state = State.connecting

    /// - Parameter place: where the client begins in the thread of the namespace; `nil` in the namespace of all.
    package init(_ place: RecoveryPlace?) { self.place = place }

    package enum Action: Equatable {
        case none
        /// - Parameters:
        ///   - pid: that of the client, which has missed nothing; `nil` for a new one.
        ///   - start: the place that a new `pid` carries.
        ///   - isReset: whether the client is told that it begins again; otherwise the session tells it.
        case connect(pid: String?, start: Cursor?, isReset: Bool)
        case connectWithoutPid
        /// The client is refused: for good, or for now.
        case refuse(ProtocolError)
        /// Another connection may fare better.
        case endConnection
        /// The acknowledgement with an id.
        case acknowledge(UInt64, JSONValue)
        /// An event with one object.
        case event(String, JSONValue, last: String?)
        /// An event, and then the client is disconnected from the namespace.
        case eventAndDisconnect(String, JSONValue)
    }

    /// Whether events are written as they come.
    package var isConnected: Bool { state == .connected }

    package mutating func receive(_ object: JSONObject) -> Action {
        let operation = object["op"]?.stringValue ?? ""
        switch state {
        case .ended: return .none
        case .connecting: return receiveWhileConnecting(operation, object)
        case .connected: return receiveConnected(operation, object)
        }
    }

    private mutating func receiveWhileConnecting(_ operation: String, _ object: JSONObject) -> Action {
        switch operation {
        case "welcome" where place == nil:
            state = .connected
            return .connectWithoutPid
        case "subscribed":
            guard let place else { return .none }
            state = .connected
            let after = object["after"]?.stringValue.flatMap { Cursor($0) }
            let isKnown =
                switch place.start {
                case .after(let cursor): cursor == after
                case .start, .now: true
                }
            let stays = isKnown && !place.isLost
            return .connect(pid: stays ? place.pid : nil, start: after, isReset: place.isLost)
        case "error":
            state = .ended
            return ProtocolError(object).map { .refuse($0) } ?? .endConnection
        default:
            return .none
        }
    }

    private mutating func receiveConnected(_ operation: String, _ object: JSONObject) -> Action {
        let members = JSONObject(object.filter { $0.key != "op" && $0.key != "req" }.map { ($0.key, $0.value) })
        if let id = object["req"]?.integerValue {
            let result: JSONValue =
                operation == "error"
                ? ["ok": false, "error": .object(members)]
                : .object(JSONObject([("ok", true)] + members.map { ($0.key, $0.value) }))
            return .acknowledge(UInt64(clamping: id), result)
        }
        switch operation {
        case "welcome", "ping", "pong", "accepted", "emitted", "refreshed", "watching", "subscribed": return .none
        case "unsubscribed":
            guard object["code"] != nil else { return .none }
            guard place != nil else { return .event(operation, .object(members), last: nil) }
            state = .ended
            return .eventAndDisconnect(operation, .object(members))
        case "unwatched":
            return object["code"] == nil ? .none : .event(operation, .object(members), last: nil)
        case "reset":
            // From then on the offset is this, and no longer the one that nobody knows.
            return .event(operation, .object(members), last: place == nil ? nil : "start")
        case "live":
            return .event(operation, .object(members), last: place == nil ? nil : object["cursor"]?.stringValue)
        default: return .event(operation, .object(members), last: nil)
        }
    }

    package enum CloseAction: Equatable {
        case none
        case refuse(code: String)
        case disconnect
        case endConnection
    }

    /// The session has ended.
    ///
    /// - Parameter reason: may be a code.
    package mutating func closed(_ code: StreamCloseCode, reason: String) -> CloseAction {
        let isExpired = reason == ProtocolError.Code.authenticationExpired.rawValue
        let isFinal =
            switch code {
            case .forbidden, .protocolAbuse: true
            case .notAuthenticated: !isExpired
            default: false
            }
        defer { state = .ended }
        switch state {
        case .ended: return .none
        case .connecting: return isFinal || isExpired ? .refuse(code: reason) : .endConnection
        case .connected: return isFinal ? .disconnect : .endConnection
        }
    }
}
