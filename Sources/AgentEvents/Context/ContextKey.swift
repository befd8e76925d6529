/// The key of a value in a context space, together with its type.
///
/// ```swift
/// extension ContextKey where Value == City {
///     static var city: Self { ContextKey("city") }
/// }
/// try await run.context.set(City(name: "Berlin"), for: .city, ttl: .seconds(3600))
/// let city = try await run.context.value(.city)
/// ```
public struct ContextKey<Value: Codable & Sendable>: Hashable, Sendable {
    /// The key as it stands on the wire; 1 to 256 bytes.
    public let name: String

    public init(_ name: String) { self.name = name }
}

/// A value of a context space, with what is known of its last change.
public struct ContextEntry: Hashable, Sendable {
    /// The key; keys are told apart by their UTF-8 bytes.
    public var key: String
    /// The version of the space after the change that touched it last; at least 1.
    public var version: Int64
    /// The value; `nil` for one that is nested deeper than ``ThreadState/Limits/valueDepth``, which only an event of a
    /// program can have set.
    public var value: JSONValue?
    /// From this time on it is not there; `nil` for one that stays.
    public var expiresAt: Timestamp?
    /// The user who changed it last; `nil` for an agent or a program.
    public var by: UserID?
    /// The time of its last change; `nil` where an earlier version of the package has not kept it.
    public var time: Timestamp?

    public init(
        key: String,
        version: Int64,
        value: JSONValue?,
        expiresAt: Timestamp? = nil,
        by: UserID? = nil,
        time: Timestamp? = nil
    ) {
        self.key = key
        self.version = version
        self.value = value
        self.expiresAt = expiresAt
        self.by = by
        self.time = time
    }
}

extension ContextEntry {
    init(_ entry: ThreadState.Entry) {
        self.init(
            key: entry.key, version: entry.version, value: entry.value, expiresAt: entry.expiresAt, by: entry.by,
            time: entry.time)
    }
}

extension ThreadState {
    /// A value of the thread's context as it is for a reader at a time: from its ``Entry/expiresAt`` on it is not there,
    /// whether its removal has come or not.
    ///
    /// - Parameters:
    ///   - key: told apart by its UTF-8 bytes.
    ///   - time: the time of the reader's clock.
    public func entry(_ key: String, at time: Timestamp) -> Entry? {
        entries.last { ExactString.areEqual($0.key, key) && $0.isThere(at: time) }
    }

    /// A value of the thread's context, decoded; `nil` when it is not there at a time.
    ///
    /// - Throws: what the decoding of the value throws.
    public func value<Value>(_ key: ContextKey<Value>, at time: Timestamp) throws -> Value? {
        try entry(key.name, at: time)?.value?.decode(as: Value.self)
    }

    /// The earliest time at which a value of the context lapses; `nil` when none does. A reader that shows values looks
    /// again then.
    public var nextExpiry: Timestamp? { entries.compactMap { $0.isRemoved ? nil : $0.expiresAt }.min() }
}

extension ThreadState.Entry {
    /// `true` while the value has not been removed, and its time is not over.
    public func isThere(at time: Timestamp) -> Bool { !isRemoved && (expiresAt.map { time < $0 } ?? true) }
}
