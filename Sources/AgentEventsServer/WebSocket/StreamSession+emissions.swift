import AgentEvents
import NIOCore

/// Emissions are carried out by workers, one batch at a time, and answered when the loop is told of their commits.
extension StreamSession {
    func emit(_ request: EmitRequest, _ received: ReceivedRequest) throws(ProtocolError) {
        guard principal.mayEmit(in: request.thread, as: request.user ?? principal.user) else {
            throw ProtocolError(.scopeMissing, "emitting in this thread takes the scope emit", thread: request.thread)
        }
        guard received.isInTime else {
            throw .stopsEmissions(in: request.thread)
        }
        if !hasEmitted {
            hasEmitted = true
            services.outsideEmitters.didBeginEmitting()
        }
        // Before the emission, so that the loop is told of its commit.
        loop.onLoop.await(self, on: loop)
        emissions.enqueue(request, received.message.tag, byteCount: received.byteCount)
        emitNext()
    }

    /// Whether so much waits to be carried out that nothing further is read from the client.
    var isOverloaded: Bool {
        emissions.queuedCount + order.waitingCount >= services.limits.maximumQueuedRequests
            || emissions.queuedByteCount + order.waitingByteCount >= services.limits.maximumQueuedByteCount
    }

    private func emitNext() {
        guard let batch = emissions.takeBatch() else { return }
        let job = EmissionBatch(requests: batch, principal: principal, runtime: services.runtime)
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        let isAccepted = services.emitters.submit {
            let replies = await job.run()
            eventLoop.execute { session.value.didEmit(replies) }
        }
        guard !isAccepted else { return }
        didEmit(
            batch.map { request, tag in
                EmissionReply(refusing: request, tag, .stopsEmissions(in: request.thread))
            })
    }

    private func didEmit(_ replies: [EmissionReply]) {
        emissions.didEmit(replies)
        guard !isEnded else { return }
        emitNext()
        if let error = loop.onLoop.failure {
            failReplies(error)
        } else {
            sendReplies()
            // A repeated request waits for a commit that may have been none of this loop's business.
            if !emissions.isIdle { services.delivery.catchUp(loop) }
        }
        output.flush()
        output.resumeReading()
    }

    /// A commit reached the loop; replies to what it holds can go out.
    func didCommit(upTo position: UInt64, written: inout [StreamSession]) {
        if sendReplies() { markWritten(&written) }
    }

    @discardableResult
    private func sendReplies() -> Bool {
        let replies = emissions.takeReplies(upTo: loop.onLoop.committedPosition)
        send(replies)
        return !replies.isEmpty
    }

    /// Answers emissions, and carries out what waited for that.
    private func send(_ replies: [EmissionReply]) {
        for reply in replies {
            send(reply.message)
            order.answered(reply.thread)
        }
        carryOutNext()
    }

    func logFailed(_ error: EventLogError) {
        failReplies(error)
        output.flush()
    }

    /// Answers what is committed, and what never will be.
    private func failReplies(_ error: EventLogError) {
        // A commit may have been none of this loop's business.
        let committed = max(loop.onLoop.committedPosition, services.delivery.currentPosition)
        send(emissions.failReplies(behind: committed, error))
    }
}
