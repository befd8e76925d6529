import AgentEvents

/// Emissions of one connection, carried out in order. Runs on a worker.
struct EmissionBatch: Sendable {
    let requests: [(request: EmitRequest, tag: RequestTag?)]
    let principal: Principal
    let runtime: AgentRuntime

    func run() async -> [EmissionReply] {
        var replies: [EmissionReply] = []
        replies.reserveCapacity(requests.count)
        for (request, tag) in requests { replies.append(await emit(request, tag)) }
        return replies
    }

    private func emit(_ request: EmitRequest, _ tag: RequestTag?) async -> EmissionReply {
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: request.user ?? principal.user, thread: request.thread)
            let receipt = try await context.emit(request.drafts, key: request.key, host: .outside)
            return EmissionReply(
                position: receipt.position, tag: tag, thread: request.thread,
                message: .emitted(tag, request.thread, cursors: receipt.ids))
        } catch {
            return EmissionReply(refusing: request, tag, ProtocolError(error, thread: request.thread))
        }
    }
}
