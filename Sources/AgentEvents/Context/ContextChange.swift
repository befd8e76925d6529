/// The limits of a context space.
public enum ContextLimits {
    /// The most values of a space: 1000.
    public static var keyCount: Int { 1000 }
    /// The largest value, as JSON, in bytes: 64 KiB.
    public static var valueByteCount: Int { 64 * 1024 }
    /// The most bytes of the keys and values of a space, together: 1 MiB.
    public static var spaceByteCount: Int { 1024 * 1024 }
    /// The longest key, in bytes of UTF-8: 256.
    public static var keyByteCount: Int { 256 }
    /// The longest time to live: 366 days.
    public static var maximumTimeToLive: Duration { .seconds(366 * 86_400) }
}

/// A change of a value of a context space, as somebody asks for it.
package struct ContextChange: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// - Parameter timeToLive: how long the value is there, from the time of its event on; `nil` for ever.
        case set(JSONValue, timeToLive: Duration?)
        case remove
    }

    package var key: String
    package var kind: Kind
    /// The version that the value has to have, 0 for a value that is not there; `nil` for any.
    package var ifVersion: Int64?
    /// The user who asks for it; `nil` for an agent.
    package var by: UserID?
    /// The agent that asks for it in a user's space, which has to have let it in; `nil` for everybody else.
    package var agent: AgentName?

    package init(_ kind: Kind, of key: String, ifVersion: Int64? = nil, by: UserID? = nil) {
        self.kind = kind
        self.key = key
        self.ifVersion = ifVersion
        self.by = by
    }

    /// Its name on the wire.
    package var name: String {
        switch kind {
        case .set: "set"
        case .remove: "remove"
        }
    }

    /// The beginning of the keys that only the service writes, beside those of grants.
    package static let reservedPrefix = "~"

    /// `true` for a key that only the service writes.
    package static func isReserved(_ key: String) -> Bool {
        key.hasPrefix(reservedPrefix) || key.hasPrefix(ThreadGrants.keyPrefix)
    }

    /// The size that counts for the limits, in bytes.
    package static func byteCount(_ key: String, _ value: JSONValue) -> Int {
        key.utf8.count + value.encoded().count
    }

    /// Why it is refused whatever is in the space; `nil` when that depends on the space.
    package var refusal: ContextRefusal? {
        guard !key.isEmpty, key.utf8.count <= ContextLimits.keyByteCount else { return .keyInvalid }
        guard case .set(let value, let timeToLive) = kind else { return nil }
        if let timeToLive, timeToLive < .milliseconds(1) || timeToLive > ContextLimits.maximumTimeToLive {
            return .timeInvalid
        }
        let byteCount = value.encoded().count
        guard byteCount <= ContextLimits.valueByteCount else { return .valueTooLarge(byteCount) }
        return ThreadState.kept(value) == nil ? .valueTooDeep : nil
    }

    /// The text of the change: a second request with the same idempotency key has to have the same.
    var canonicalText: String {
        var writer = JSONWriter()
        var parts: [JSONValue] = [
            .string(name), .string(key), ifVersion.map { .integer($0) } ?? .null,
            by.map { .string($0.rawValue) } ?? .null,
        ]
        if case .set(let value, let timeToLive) = kind {
            parts += [value, timeToLive.map { .integer(Int64(clamping: $0.wholeMilliseconds)) } ?? .null]
        }
        writer.canonical(.array(parts))
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// The reasons why a value of a context space is not changed.
package enum ContextRefusal: Hashable, Sendable {
    /// The value has another version than the change is for; `nil` when it is not there.
    case conflict(ContextSpaceStateMachine.Entry?)
    case tooManyKeys
    case valueTooLarge(Int)
    case valueTooDeep
    case spaceFull
    case keyInvalid
    case keyTooLong(Int)
    case timeInvalid
    case versionsUsedUp
    case reserved
    /// The user has not let the agent in.
    case notLetIn(AgentName, isPrivate: Bool)
    case mayOnlyRead(AgentName)
}

extension AgentEventsError {
    /// The refusal of a change.
    init(_ refusal: ContextRefusal, of key: String) {
        switch refusal {
        case .conflict(let entry):
            let met = entry.map { "has the version \($0.version)" } ?? "is not there, its version is 0"
            self.init(.stateConflict, "the value \(key) \(met): read it, and change it again with that version")
            details = CommandDetails(value: CommandDetails.Value(entry))
        case .tooManyKeys:
            self.init(
                .stateTooManyKeys,
                "a context has at most \(ContextLimits.keyCount) values: remove one, or give them a time to live")
        case .valueTooLarge(let byteCount):
            self.init(
                .stateValueTooLarge,
                "a value of a context has at most \(ContextLimits.valueByteCount) bytes as JSON, this one has \(byteCount): "
                    + "keep what is large elsewhere, and set a reference")
        case .valueTooDeep:
            self.init(
                .stateValueTooLarge,
                "a value of a context is nested at most \(ThreadState.Limits.valueDepth) levels deep, this one is deeper"
            )
        case .spaceFull:
            self.init(
                .stateValueTooLarge,
                "the values of a context have at most \(ContextLimits.spaceByteCount) bytes together: remove one first")
        case .keyInvalid:
            self.init(
                .commandInvalid,
                "the key of a value has 1 to \(ContextLimits.keyByteCount) bytes, this one has \(key.utf8.count)")
        case .keyTooLong(let byteCount):
            self.init(
                .stateValueTooLarge,
                "the key of a value has at most \(ContextLimits.keyByteCount) bytes, this one has \(byteCount)")
        case .notLetIn(_, isPrivate: true):
            self = .unknownSpace()
        case .notLetIn(let agent, isPrivate: false):
            self.init(.stateForbidden, "the user has not let the agent \(agent) into this context")
        case .mayOnlyRead(let agent):
            self.init(.stateForbidden, "the agent \(agent) may read this context, and not write it")
        case .timeInvalid:
            self.init(
                .commandInvalid,
                "a time to live is from 1 ms to \(ContextLimits.maximumTimeToLive.wholeMilliseconds) ms; leave it out for ever"
            )
        case .versionsUsedUp:
            self.init(
                .stateConflict,
                "an event of a program has used up the versions of this context, which count up to \(Int64.max): use another one"
            )
        case .reserved:
            self.init(
                .stateForbidden,
                "the key \(key) is one that the service writes: use one that does not begin with ~ or \(ThreadGrants.keyPrefix)"
            )
        }
    }
}

extension CommandDetails.Value {
    init(_ entry: ContextSpaceStateMachine.Entry?) {
        self.init(version: entry?.version ?? 0, value: entry?.value, by: entry?.by, time: entry?.time)
    }
}
