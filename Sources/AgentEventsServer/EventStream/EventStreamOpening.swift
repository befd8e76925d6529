import AgentEvents
import AgentEventsHub
import AgentEventsProtocol

/// Looks up who asks for a stream of events, and whether there is one to give: by the same rules, with the same errors, as for a
/// page of events.
struct EventStreamOpening: Sendable {
    let hub: AgentEventsHub
    /// The connection.
    let ticket: ConnectionTicket

    enum Outcome: Sendable {
        case stream(SubscribeRequest, Principal)
        /// The client was here before, and nothing will ever follow what it has got.
        case nothingFollows
        case refusal(ProtocolError)
    }

    func look(at request: EventStreamRequest) async -> Outcome {
        do throws(ProtocolError) {
            let principal = try await ticket.authenticate(
                Credentials(authorization: request.authorization, subprotocols: [], path: request.path),
                by: hub.authenticator)
            if let refusal = hub.usage.request(of: principal) { throw refusal }
            let subscription = try request.subscription()
            try await checkReading(of: subscription.thread, by: principal)
            return .stream(subscription, principal)
        } catch {
            // A browser comes back when the connection ends; this is the answer that stops it.
            return error.code == .threadDeleted && request.lastEventID != nil ? .nothingFollows : .refusal(error)
        }
    }

    private func checkReading(of thread: ThreadID, by principal: Principal) async throws(ProtocolError) {
        do {
            try await hub.reading(thread, for: principal) { _, _ in }
        } catch let error as ProtocolError {
            throw error
        } catch let error as EventLogError {
            throw ProtocolError(error, threadID: thread)
        } catch {
            throw ProtocolError(.internalFailure, "the thread cannot be looked up", isRetryable: true, threadID: thread)
        }
    }
}
