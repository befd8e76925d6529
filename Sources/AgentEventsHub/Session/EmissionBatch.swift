import AgentEvents
import AgentEventsProtocol

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
            let receipt = try await EventIngest.emit(request, as: principal, in: runtime)
            return EmissionReply(
                position: receipt.position, tag: tag, thread: request.thread,
                message: .emitted(tag, request.thread, cursors: receipt.ids))
        } catch {
            return EmissionReply(refusing: request, tag, ProtocolError(error, thread: request.thread))
        }
    }
}
