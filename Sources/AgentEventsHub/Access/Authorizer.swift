public import AgentEvents

/// Decides what a principal may do in a thread.
///
/// The hub asks before everything that reads a thread or adds to it, over any transport: a subscription, each page of
/// its replay and its live events, an acknowledgement, an emission, a page of events, the state, the list of
/// subscribers, a message to an agent. The scopes of the principal are checked first; without the scope, nobody is asked.
///
/// - **Calls.** Made in a task of the hub, on no actor and no event loop, several at a time, also for the same principal
///   and thread. A call may suspend. The request waits for it, and so do later requests of the same connection about the
///   same thread; nothing else does.
/// - **Frequency.** An answer, also the empty one, is reused for at most 30 seconds, and never beyond the end of the
///   credentials. ``AgentEventsHub/invalidateRights(user:thread:)`` ends that at once.
/// - **Errors.** A throw is not an answer: the request is refused with `auth.unavailable`, which may be tried again, and
///   nothing is kept. The same holds when there is no answer within two seconds; then the task is cancelled. An
///   implementation returns or throws soon after that: while 64 calls have not, all further requests are refused.
/// - **Forbidden is unknown.** A request that the rights do not allow is answered, byte for byte, as if the thread had no
///   event and could not be opened: a subscription is silent, everything else is `thread.unknown`. Once a subscription
///   may read, it gets the events that it missed.
///
/// ``OwnershipAuthorizer`` is the one for threads that belong to one user each.
public protocol Authorizer: Sendable {
    /// All rights of a principal in a thread: a right that is not in the answer is denied.
    func rights(_ request: RightsRequest) async throws -> Rights
}

/// A question to an ``Authorizer``.
public struct RightsRequest: Hashable, Sendable {
    /// The user, with the scopes and grants of the credentials.
    public var principal: Principal
    /// The thread; it may have no event.
    public var thread: ThreadID
    /// The user that the thread belongs to: the one who opened it. `nil` while it has no event.
    public var owner: UserID?
    /// Whether the thread is to be opened by an id that the service has just made. Ids that clients choose are not: a client
    /// that may open any id finds out which threads exist, and can take the ids of others.
    public var isNewID: Bool

    public init(principal: Principal, thread: ThreadID, owner: UserID?, isNewID: Bool = false) {
        self.principal = principal
        self.thread = thread
        self.owner = owner
        self.isNewID = isNewID
    }
}

/// An authorizer whose answer to a question is always the same, and at hand: it is neither waited for nor kept.
package protocol ConstantAuthorizer: Authorizer {
    func constantRights(_ request: RightsRequest) -> Rights
}

extension ConstantAuthorizer {
    package func rights(_ request: RightsRequest) async throws -> Rights { constantRights(request) }
}
