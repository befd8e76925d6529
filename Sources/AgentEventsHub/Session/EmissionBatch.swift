import AgentEvents
import AgentEventsProtocol

/// Emissions of one connection, carried out in order. Runs on a worker.
struct EmissionBatch: Sendable {
    let items: [EmissionQueue.Item]
    let principal: Principal
    let ingest: EventIngest
    let commands: CommandIntake

    func run() async -> [EmissionReply] {
        var replies: [EmissionReply] = []
        replies.reserveCapacity(items.count)
        for item in items { replies.append(await emit(item)) }
        return replies
    }

    private func emit(_ item: EmissionQueue.Item) async -> EmissionReply {
        let (request, tag) = (item.request, item.tag)
        if let refusal = item.refusal { return EmissionReply(refusing: request, tag, refusal) }
        do throws(ProtocolError) {
            let rights = try item.rights?.get()
            switch request {
            case .emit(let request):
                let receipt = try await ingest.emit(request, as: principal, rights)
                return EmissionReply(
                    position: receipt.position, tag: tag, thread: request.thread,
                    message: .emitted(tag, request.thread, cursors: receipt.ids))
            case .command(let request):
                let accepted = try await commands.carryOut(request, as: principal, rights)
                return EmissionReply(
                    position: accepted.position, tag: tag, thread: request.thread,
                    message: .accepted(tag, request.thread, accepted.answer))
            }
        } catch {
            return EmissionReply(refusing: request, tag, error)
        }
    }
}
