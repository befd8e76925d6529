import AgentEvents
import AgentEventsProtocol
import NIOCore

/// Asks the authorizer for one connection: what its requests take, and what its subscriptions may be given. Confined to the
/// event loop.
final class SessionRights {
    private let identity: SessionIdentity
    private let services: SessionServices
    /// Subscriptions whose question has yet to be put.
    private var waiting: [StreamSubscription] = []
    /// Those for which there was no answer.
    private var failed: [StreamSubscription] = []

    init(_ identity: SessionIdentity, services: SessionServices) {
        self.identity = identity
        self.services = services
    }

    /// Whether there is anything to ask: not when every answer is at hand.
    var isAsked: Bool { !services.access.isConstant }

    // MARK: Requests

    /// The use that has to be allowed before a request is carried out; `nil` for none.
    ///
    /// - Parameters:
    ///   - subscription: the one of the connection to the thread.
    ///   - takesSubscriptions: whether the connection takes further ones.
    func use(
        askedFor start: RequestOrder.Start,
        _ subscription: StreamSubscription?,
        takesSubscriptions: Bool
    ) -> ThreadUse? {
        guard isAsked, start.request.rights == nil, !start.exceedsLimit else { return nil }
        if !services.access.asksBeforehand {
            guard case .acknowledge = start.request.message.operation else { return nil }
        }
        switch start.request.message.operation {
        case .subscribe:
            return takesSubscriptions && subscription == nil ? use(.read) : nil
        case .acknowledge:
            return subscription?.isInDoubt == true ? .read : nil
        case .emit(let request):
            let isKnown = services.ingest.knownRights(for: request, of: identity.principal) != nil
            return isKnown ? nil : use(.emit)
        case .command(let request):
            let isKnown = services.commands.knownRights(in: request.thread, of: identity.principal) != nil
            return isKnown ? nil : use(request.use)
        case .unsubscribe, .refresh, .ping, .pong:
            return nil
        }
    }

    /// A use without its scope is refused without a question.
    private func use(_ use: ThreadUse) -> ThreadUse? { identity.principal.mayAnywhere(use) ? use : nil }

    /// - Parameter take: called on the loop, once, and not before this method has returned.
    func ask(
        _ use: ThreadUse,
        of thread: ThreadID,
        on eventLoop: any EventLoop,
        _ take: @escaping @Sendable (Result<RightsAnswer, ProtocolError>) -> Void
    ) {
        let (principal, services) = (identity.principal, services)
        let isAccepted = services.readers.submit {
            let answer = await Self.answer(use, of: thread, principal, services)
            eventLoop.execute { take(answer) }
        }
        guard !isAccepted else { return }
        // At the very end there are no workers any longer.
        eventLoop.execute { take(.failure(.stopping(thread))) }
    }

    private static func answer(
        _ use: ThreadUse,
        of thread: ThreadID,
        _ principal: Principal,
        _ services: SessionServices
    ) async -> Result<RightsAnswer, ProtocolError> {
        let owner: UserID?
        do throws(EventLogError) {
            switch use {
            // What is not committed is not to be read.
            case .read: owner = try await services.pages.record(of: thread)?.user
            case .emit, .command, .approve, .share: owner = try await services.runtime.owner(of: thread)
            }
        } catch {
            return .failure(ProtocolError(error, threadID: thread))
        }
        return await services.access.answer(to: RightsRequest(principal: principal, thread: thread, owner: owner))
    }

    // MARK: Subscriptions

    var hasWaiting: Bool { !waiting.isEmpty }

    func append(_ subscription: StreamSubscription) { waiting.append(subscription) }

    func appendFailed(_ subscription: StreamSubscription) { failed.append(subscription) }

    /// Takes the subscriptions whose question has to be put now.
    func takeWaiting() -> [StreamSubscription] {
        defer { waiting = [] }
        return waiting
    }

    /// It is tried again where there was no answer.
    func retry() {
        guard !failed.isEmpty else { return }
        let retried = failed
        failed = []
        for subscription in retried { subscription.askAgain() }
    }

    func remove(_ subscription: StreamSubscription) {
        waiting.removeAll { $0 === subscription }
        failed.removeAll { $0 === subscription }
    }

    func removeAll() {
        waiting = []
        failed = []
    }
}
