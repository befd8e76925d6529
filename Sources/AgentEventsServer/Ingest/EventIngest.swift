package import AgentEvents

/// Logs the events that clients send, over whatever transport.
package struct EventIngest: Sendable {
    private let runtime: AgentRuntime
    private let outsideEmitters: OutsideEmitters

    /// - Parameter outsideEmitters: is told of each request.
    package init(runtime: AgentRuntime, outsideEmitters: OutsideEmitters) {
        self.runtime = runtime
        self.outsideEmitters = outsideEmitters
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
        guard principal.mayEmit(in: request.thread, as: user) else {
            throw ProtocolError(
                .scopeMissing, "these credentials do not allow to log events of user \(user) in this thread",
                thread: request.thread)
        }
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
