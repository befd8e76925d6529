import Synchronization

/// A user's space in the hands of an agent that the user has let in. What it may do is looked at each time: access that is
/// taken away ends at once.
public struct SharedContext: Sendable {
    let context: ExecutionContext
    let space: ContextSpace
    let agent: AgentName

    /// A value; `nil` for one that is not there, or whose time is over.
    ///
    /// - Throws: ``AgentEventsError``: `state.forbidden` when the user has not let the agent in, of a private space
    ///   `state.unknown_space`; or an error of the log.
    public func entry(_ key: String) async throws(AgentEventsError) -> ContextEntry? {
        try await context.entry(key, for: guest)
    }

    /// All values, in the order of the bytes of their keys.
    ///
    /// - Throws: as ``entry(_:)``.
    public func entries() async throws(AgentEventsError) -> [ContextEntry] {
        try await context.entries(for: guest)
    }

    /// A value, decoded; `nil` for one that is not there, or whose time is over.
    ///
    /// - Throws: as ``entry(_:)``, and what the decoding of the value throws.
    public func value<Value: Decodable>(_ key: String, as type: Value.Type = Value.self) async throws -> Value? {
        try await entry(key)?.value?.decode(as: type)
    }

    /// The same, by a key that knows its type.
    public func value<Value>(_ key: ContextKey<Value>) async throws -> Value? {
        try await value(key.name, as: Value.self)
    }

    /// Sets a value; see ``ExecutionContext``.
    ///
    /// - Returns: the version of the space after the change.
    /// - Throws: as ``entry(_:)`` and as for the space of a thread; `state.forbidden` for an agent that may only read.
    @discardableResult
    public func set(
        _ value: some Encodable & Sendable,
        for key: String,
        ttl: Duration? = nil,
        ifVersion version: Int64? = nil
    ) async throws -> Int64 {
        var change = ContextChange(
            .set(try JSONValue(converting: value), timeToLive: ttl), of: key, ifVersion: version)
        change.agent = guest
        return try await context.version(after: change)
    }

    /// The same, by a key that knows the type of the value.
    @discardableResult
    public func set<Value>(
        _ value: Value,
        for key: ContextKey<Value>,
        ttl: Duration? = nil,
        ifVersion version: Int64? = nil
    ) async throws -> Int64 {
        try await set(value, for: key.name, ttl: ttl, ifVersion: version)
    }

    /// Removes a value.
    ///
    /// - Returns: whether it was there.
    /// - Throws: as ``set(_:for:ttl:ifVersion:)``.
    @discardableResult
    public func removeValue(for key: String, ifVersion version: Int64? = nil) async throws(AgentEventsError) -> Bool {
        var change = ContextChange(.remove, of: key, ifVersion: version)
        change.agent = guest
        return try await context.carryOut(change, key: nil).outcome == .done
    }

    /// The agent, where it has to be let in.
    private var guest: AgentName? { space == .thread ? nil : agent }
}

extension AgentRun {
    /// A space of values besides that of the thread: of the user whose thread it is.
    ///
    /// ```swift
    /// let city = try await run.context(.user).value("city", as: String.self)
    /// ```
    ///
    /// - Throws: ``AgentEventsError``: `state.unknown_space` for a name that none can have, or an error of the log. Whether the
    ///   user has let the agent in is looked at when it is used.
    public func context(_ space: ContextSpace) async throws(AgentEventsError) -> SharedContext {
        let thread: ThreadID?
        do throws(IdentifierError) {
            thread = try space.thread(of: context.user)
        } catch {
            throw .unknownSpace(cause: error)
        }
        guard let thread else { return SharedContext(context: context, space: space, agent: agent) }
        let opened = try await context.services.contextOpening.open(context.user, thread)
        return SharedContext(context: opened, space: space, agent: agent)
    }
}

extension ExecutionContext {
    /// Lets an agent into the user's space that this context is (``AgentRuntime/context(of:_:)``), or out of it.
    ///
    /// - Parameter access: what it may do from now on; `nil` for nothing.
    /// - Throws: ``AgentEventsError``: `state.forbidden` in the context of a thread, which all agents use that work in it; or as
    ///   ``set(_:for:ttl:ifVersion:)``.
    public func allow(_ agent: AgentName, _ access: ContextAccess?) async throws(AgentEventsError) {
        while true {
            let known = try await entry(ContextAccessList.key)
            // One that nobody understands lets nobody in.
            var list = ContextAccessList(known?.value) ?? ContextAccessList()
            list.set(access, of: agent)
            let json = list.json
            let change = ContextChange(
                .set(json, timeToLive: nil), of: ContextAccessList.key, ifVersion: known?.version ?? 0, by: user)
            do throws(AgentEventsError) {
                _ = try await carryOut(change, key: nil)
                return
            } catch {
                // Somebody else was first.
                guard error.code == .stateConflict else { throw error }
            }
        }
    }

    /// Whether a key is one that the service writes, and not this change.
    func isReserved(_ change: ContextChange) -> Bool {
        guard ContextChange.isReserved(change.key) else { return false }
        guard change.key == ContextAccessList.key, let space = ContextThread(thread), change.by == space.user else {
            return true
        }
        if case .set(let value, nil) = change.kind { return ContextAccessList(value) == nil }
        return change.kind != .remove
    }
}

extension AgentRuntime {
    /// The context that has the values of a user's space; see ``ExecutionContext/value(_:as:)`` and
    /// ``ExecutionContext/allow(_:_:)``.
    ///
    /// - Throws: as ``context(user:thread:)``; `state.unknown_space` for a name that none can have, and for ``ContextSpace/thread``,
    ///   which is that of a thread.
    public func context(of user: UserID, _ space: ContextSpace) async throws(AgentEventsError) -> ExecutionContext {
        let thread: ThreadID?
        do throws(IdentifierError) {
            thread = try space.thread(of: user)
        } catch {
            throw .unknownSpace(cause: error)
        }
        guard let thread else { throw .unknownSpace() }
        return try await context(user: user, thread: thread)
    }
}

extension AgentEventsError {
    static func unknownSpace(cause: (any Error)? = nil) -> AgentEventsError {
        AgentEventsError(.stateUnknownSpace, "there is no such context", cause: cause)
    }
}

/// Opens contexts of other threads, for code that has one. It holds on to the runtime only while that runs.
final class ContextOpening: Sendable {
    typealias Open = @Sendable (UserID, ThreadID) async throws(AgentEventsError) -> ExecutionContext

    private let opening = Mutex<Open?>(nil)

    func set(_ open: Open?) { opening.withLock { $0 = open } }

    func open(_ user: UserID, _ thread: ThreadID) async throws(AgentEventsError) -> ExecutionContext {
        guard let open = opening.withLock({ $0 }) else {
            throw AgentEventsError(.notRunning, "the runtime has stopped")
        }
        return try await open(user, thread)
    }
}
