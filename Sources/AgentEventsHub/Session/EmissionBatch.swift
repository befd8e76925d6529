import AgentEvents
import AgentEventsProtocol

/// Emissions of one connection, carried out in order. Runs on a worker.
struct EmissionBatch: Sendable {
    let items: [EmissionQueue.Item]
    let principal: Principal
    /// Until when the credentials count.
    let validity: Validity
    let access: ThreadAccess
    let environment: Environment
    let ingest: EventIngest
    let commands: CommandIntake

    func run() async -> [EmissionReply] {
        let threads = unknownThreads
        // One alone is looked up where it is needed.
        guard threads.count > 1 else { return await carryOut() }
        return await ingest.lookingUp(threads) { await carryOut() }
    }

    /// The threads that are emitted into and are not in memory.
    private var unknownThreads: Set<ThreadID> {
        var threads: Set<ThreadID> = []
        for item in items where item.refusal == nil {
            guard case .emit(let request) = item.request, !ingest.isInMemory(request.thread) else { continue }
            threads.insert(request.thread)
        }
        return threads
    }

    private func carryOut() async -> [EmissionReply] {
        var replies: [EmissionReply] = []
        replies.reserveCapacity(items.count)
        // No epoch is as large.
        var seenEpoch = UInt64.max
        for item in items {
            if let refusal = refusal(&seenEpoch) {
                replies.append(EmissionReply(refusing: item.request, item.tag, refusal))
            } else {
                replies.append(await emit(item))
            }
        }
        return replies
    }

    /// Looked at before each emission, since it may have waited for long: whether the credentials still count. The rights in the
    /// thread are looked at where it is carried out.
    private func refusal(_ seenEpoch: inout UInt64) -> ProtocolError? {
        guard environment.monotonicMilliseconds < validity.end else {
            return ProtocolError(access.revocations.revoke(principal) ? AuthenticationError.revoked : .expired)
        }
        let epoch = access.epoch
        guard epoch != seenEpoch else { return nil }
        seenEpoch = epoch
        return access.revocations.revoke(principal) ? ProtocolError(AuthenticationError.revoked) : nil
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
