package import AgentEvents
package import AgentEventsProtocol

/// Logs the events that clients send, over whatever transport.
package struct EventIngest: Sendable {
    private let runtime: AgentRuntime
    private let outsideEmitters: OutsideEmitters

    /// - Parameter outsideEmitters: is told of each request.
    package init(runtime: AgentRuntime, outsideEmitters: OutsideEmitters) {
        self.runtime = runtime
        self.outsideEmitters = outsideEmitters
    }

    /// Checks whether the principal may log events of a user in a thread, without a look at the owner of the thread.
    ///
    /// - Parameter user: the user whose thread it is; `nil` for the principal's own.
    /// - Returns: the user.
    /// - Throws: ``ProtocolError`` `auth.scope_missing`.
    @discardableResult
    package static func checkScope(
        of principal: Principal,
        in thread: ThreadID,
        of user: UserID?
    ) throws(ProtocolError) -> UserID {
        let user = user ?? principal.user
        guard principal.mayEmit(in: thread, as: user) else {
            throw ProtocolError(
                .scopeMissing, "these credentials do not allow to log events of user \(user) in this thread",
                threadID: thread)
        }
        return user
    }

    /// Whether the principal may log events of a user in a thread, before there are any to log.
    ///
    /// - Parameters:
    ///   - user: the user whose thread it is; `nil` for the principal's own.
    ///   - looksUp: whether the log is asked for the owner of the thread, too.
    /// - Throws: ``ProtocolError``.
    package func checkAccess(
        to thread: ThreadID,
        of user: UserID?,
        as principal: Principal,
        looksUp: Bool
    ) async throws(ProtocolError) {
        let user = try Self.checkScope(of: principal, in: thread, of: user)
        guard looksUp else { return }
        let record: ThreadRecord?
        do throws(EventLogError) {
            record = try await runtime.log.thread(thread)
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
        if let record, record.user != user {
            throw ProtocolError(.threadForbidden, "the thread \(thread) belongs to another user", threadID: thread)
        }
    }

    /// Logs the events of a request, all or none, and returns when they are committed.
    ///
    /// - Parameters:
    ///   - principal: the one who asks.
    ///   - root: where the events stand in the request, for the paths in errors.
    /// - Returns: the ids of the events, in the order of the request.
    /// - Throws: ``ProtocolError``; then nothing was logged.
    package func log(
        _ request: EmitRequest,
        as principal: Principal,
        root: DraftRoot
    ) async throws(ProtocolError) -> [Cursor] {
        try Self.checkScope(of: principal, in: request.thread, of: request.user)
        outsideEmitters.didRequest()
        do throws(AgentEventsError) {
            let receipt = try await Self.emit(request, as: principal, in: runtime)
            try await runtime.waitForCommit(of: receipt)
            return receipt.ids
        } catch {
            throw ProtocolError(error, threadID: request.thread, root: root)
        }
    }

    /// Hands the events of a request that is allowed to the thread's context, all or none; they are not committed yet.
    ///
    /// - Throws: ``AgentEventsError``; then nothing was logged.
    package static func emit(
        _ request: EmitRequest,
        as principal: Principal,
        in runtime: AgentRuntime
    ) async throws(AgentEventsError) -> EmitReceipt {
        let context = try await runtime.context(user: request.user ?? principal.user, thread: request.thread)
        return try await context.emit(request.drafts, key: request.key, host: .outside)
    }
}
