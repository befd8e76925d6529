import AgentEvents
import AgentEventsProtocol
import NIOCore

/// Asks what a user may do in a thread, for something that goes on on an event loop.
struct RightsQuestion: Sendable {
    let thread: ThreadID
    let principal: Principal
    let use: ThreadUse
    let services: SessionServices

    /// - Parameter take: called on the loop, once, and not before this method has returned.
    func ask(
        on eventLoop: any EventLoop,
        _ take: @escaping @Sendable (Result<RightsAnswer, ProtocolError>) -> Void
    ) {
        let isAccepted = services.readers.submit {
            let answer = await run()
            eventLoop.execute { take(answer) }
        }
        guard !isAccepted else { return }
        // At the very end there are no workers any longer.
        eventLoop.execute { take(.failure(.stopping(thread))) }
    }

    private func run() async -> Result<RightsAnswer, ProtocolError> {
        let owner: UserID?
        do throws(EventLogError) {
            switch use {
            // What is not committed is not to be read.
            case .read: owner = try await services.pages.record(of: thread)?.user
            case .emit, .command: owner = try await services.runtime.owner(of: thread)
            }
        } catch {
            return .failure(ProtocolError(error, thread: thread))
        }
        return await services.access.answer(
            to: RightsRequest(principal: principal, thread: thread, owner: owner))
    }
}
