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

    /// Whether the principal may log events of a user in a thread, before there are any to log.
    ///
    /// - Parameters:
    ///   - user: whose thread it is; `nil` for the principal's own.
    ///   - looksUp: whether the log is asked for the owner of the thread, too.
    /// - Throws: ``ProtocolError``.
    package func checkAccess(
        to thread: ThreadID,
        of user: UserID?,
        as principal: Principal,
        looksUp: Bool
    ) async throws(ProtocolError) {
        let user = user ?? principal.user
        guard principal.mayEmit(in: thread, as: user) else { throw Self.scopeMissing(user, thread) }
        guard looksUp else { return }
        let record: ThreadRecord?
        do throws(EventLogError) {
            record = try await runtime.log.thread(thread)
        } catch {
            throw ProtocolError(error, thread: thread)
        }
        if let record, record.user != user {
            throw ProtocolError(.threadForbidden, "the thread \(thread) belongs to another user", thread: thread)
        }
    }

    private static func scopeMissing(_ user: UserID, _ thread: ThreadID) -> ProtocolError {
        ProtocolError(
            .scopeMissing, "these credentials do not allow to log events of user \(user) in this thread", thread: thread
        )
    }

    /// Logs the events of a request, all or none, and returns when they are committed.
    ///
    /// - Parameters:
    ///   - principal: who asks.
    ///   - root: where the events stand in the request, for the paths in errors.
    /// - Returns: the ids of the events, in the order of the request.
    /// - Throws: ``ProtocolError``; then nothing was logged.
    package func log(
        _ request: EmitRequest,
        as principal: Principal,
        root: DraftRoot
    ) async throws(ProtocolError) -> [Cursor] {
        let user = request.user ?? principal.user
        guard principal.mayEmit(in: request.thread, as: user) else { throw Self.scopeMissing(user, request.thread) }
        outsideEmitters.didRequest()
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: user, thread: request.thread)
            let receipt = try await context.emit(request.drafts, key: request.key, host: .outside)
            try await runtime.waitForCommit(of: receipt)
            return receipt.ids
        } catch {
            throw ProtocolError(error, thread: request.thread, root: root)
        }
    }
}
