import AgentEvents
import AgentEventsProtocol
import AgentEventsClient
import AgentEventsHub

/// Mirrors `EmissionQueue`: carried out one after the other, and answered in that order, each when it is committed.
struct SimulatedEmissions {
    /// An emission that has begun.
    struct Emission {
        let number: Int64
        let thread: Int
        /// Whether it came too late: it is refused, in its turn.
        var isLate = false
    }

    struct Reply {
        let emission: Emission
        /// Empty when it was refused.
        let ids: [EventID]
        let position: UInt64
    }

    private var queue: [Emission] = []
    private var isRunning = false
    private var replies: [Reply] = []

    var isIdle: Bool { queue.isEmpty && !isRunning && replies.isEmpty }
    var awaitsCommit: Bool { !replies.isEmpty }

    mutating func enqueue(_ emission: Emission) { queue.append(emission) }

    /// The next one, when none is being carried out.
    mutating func takeNext() -> Emission? {
        guard !isRunning, !queue.isEmpty else { return nil }
        isRunning = true
        return queue.removeFirst()
    }

    mutating func didEmit(_ reply: Reply) {
        isRunning = false
        replies.append(reply)
    }

    /// The next reply that can go out.
    mutating func takeReply(upTo position: UInt64) -> Reply? {
        guard let first = replies.first, first.position <= position else { return nil }
        return replies.removeFirst()
    }
}

/// Mirrors the emissions of `StreamSession`.
extension SimulatedSession {
    func emit(_ emission: SimulatedEmissions.Emission) {
        if !isAwaiting {
            isAwaiting = true
            loop.awaitingCount += 1
        }
        emissions.enqueue(emission)
        emitNext()
    }

    private func emitNext() {
        if let next = emissions.takeNext() { submit(.emit(next)) }
    }

    func didEmit(_ emission: SimulatedEmissions.Emission, _ outcome: SimulatedService.EmitOutcome) {
        guard !isEnded else { return }
        switch outcome {
        case .accepted(let ids, let position):
            count(.emittedOverStream)
            emissions.didEmit(.init(emission: emission, ids: ids, position: position))
        case .refused:
            emissions.didEmit(.init(emission: emission, ids: [], position: 0))
        }
        emitNext()
        sendReplies()
        // The loop may not have been told of the commit.
        if emissions.awaitsCommit, service.publishedPosition > loop.committedPosition {
            loop.post([], upTo: service.publishedPosition)
        }
    }

    /// A commit reached the loop.
    func didCommit() {
        sendReplies()
        service.world.touch(client)
    }

    private func sendReplies() {
        while let reply = emissions.takeReply(upTo: loop.committedPosition) {
            let (number, thread) = (reply.emission.number, reply.emission.thread)
            if reply.ids.isEmpty {
                refuse(number, thread, .stopping, isRetryable: true)
            } else {
                send(
                    .emitted(RequestTag(number: number), service.world.threadID(thread), cursors: reply.ids),
                    answering: number)
            }
            order.answered(service.world.threadID(thread))
        }
        carryOutNext()
        if !isEnded, emissions.isIdle { stopAwaiting() }
    }

    func stopAwaiting() {
        guard isAwaiting else { return }
        isAwaiting = false
        loop.awaitingCount -= 1
    }
}
