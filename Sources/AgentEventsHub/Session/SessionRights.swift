import AgentEvents
import AgentEventsProtocol
import NIOCore

/// The questions of one connection to the authorizer: what its requests take, and what its subscriptions may be given. Confined to
/// the event loop.
struct SessionRights {
    /// Subscriptions whose question has yet to be put.
    private var waiting: [StreamSubscription] = []
    /// Those for which there was no answer.
    private var failed: [StreamSubscription] = []

    // MARK: Requests

    /// The use that has to be allowed before a request is carried out; `nil` for none.
    ///
    /// - Parameters:
    ///   - subscription: the one of the connection to the thread.
    ///   - takesSubscriptions: whether the connection takes further ones.
    static func use(
        askedFor start: RequestOrder.Start,
        _ subscription: StreamSubscription?,
        takesSubscriptions: Bool,
        by identity: SessionIdentity,
        _ services: SessionServices
    ) -> ThreadUse? {
        // There is nothing to ask when every answer is at hand.
        guard !services.access.isConstant, start.request.rights == nil, !start.exceedsLimit else { return nil }
        if !services.access.asksBeforehand {
            guard case .acknowledge = start.request.message.operation else { return nil }
        }
        switch start.request.message.operation {
        case .subscribe:
            return takesSubscriptions && subscription == nil ? use(.read, identity) : nil
        case .acknowledge:
            return subscription?.isInDoubt == true ? .read : nil
        case .emit(let request):
            let isKnown = services.ingest.knownRights(for: request, of: identity.principal) != nil
            return isKnown ? nil : use(.emit, identity)
        case .command(let request):
            let isKnown = services.commands.knownRights(in: request.thread, of: identity.principal) != nil
            return isKnown ? nil : use(request.use, identity)
        case .unsubscribe, .refresh, .watch, .unwatch, .serve, .take, .decline, .renew, .ping, .pong:
            return nil
        }
    }

    /// A use without its scope is refused without a question.
    private static func use(_ use: ThreadUse, _ identity: SessionIdentity) -> ThreadUse? {
        identity.principal.mayAnywhere(use) ? use : nil
    }

    /// - Parameter take: called on the loop, once, and not before this method has returned.
    static func ask(
        _ use: ThreadUse,
        of thread: ThreadID,
        by principal: Principal,
        _ services: SessionServices,
        on eventLoop: any EventLoop,
        _ take: @escaping @Sendable (Result<RightsAnswer, ProtocolError>) -> Void
    ) {
        let isAccepted = services.readers.submit {
            let answer = await answer(use, of: thread, principal, services)
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

    mutating func append(_ subscription: StreamSubscription) { waiting.append(subscription) }

    mutating func appendFailed(_ subscription: StreamSubscription) { failed.append(subscription) }

    /// Takes the subscriptions whose question has to be put now.
    mutating func takeWaiting() -> [StreamSubscription] {
        defer { waiting = [] }
        return waiting
    }

    /// Takes those for which there was no answer: it is tried again.
    mutating func takeFailed() -> [StreamSubscription] {
        defer { failed = [] }
        return failed
    }

    mutating func remove(_ subscription: StreamSubscription) {
        waiting.removeAll { $0 === subscription }
        failed.removeAll { $0 === subscription }
    }

    mutating func removeAll() {
        waiting = []
        failed = []
    }
}
