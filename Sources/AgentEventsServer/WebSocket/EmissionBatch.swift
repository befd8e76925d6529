import AgentEvents

/// Emissions of one connection, carried out in order. Runs on a worker.
struct EmissionBatch: Sendable {
    let items: [StreamEmissions.Item]
    let principal: Principal
    let runtime: AgentRuntime

    func run() async -> [EmissionReply] {
        var replies: [EmissionReply] = []
        replies.reserveCapacity(items.count)
        for item in items {
            if let refusal = item.refusal {
                replies.append(EmissionReply(refusing: item.request, item.tag, refusal))
            } else {
                replies.append(await emit(item.request, item.tag))
            }
        }
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
