import AgentEvents
import AgentEventsProtocol

extension SubscriptionLookUp {
    /// The outcome of ``run()`` where nothing has to be waited for: a subscription to what comes from now on, in a log that knows
    /// its threads, by somebody whose rights are known. Called on event loops.
    ///
    /// - Returns: `nil` when a worker has to look it up.
    func runAtOnce() -> Result<Found, ProtocolError>? {
        guard case .now = request.start ?? .now, request.consumer == nil, request.snapshot != .atStart,
            case .known(let known) = pages.immediateLog?.recordAtOnce(of: request.thread)
        else { return nil }
        guard let record = known else {
            guard let wasDeleted = access.wasDeletedAtOnce(request.thread, of: principal) else { return nil }
            return wasDeleted
                ? .failure(.deleted(request.thread))
                : .success(Found(opened: OpenedSubscription(after: 0, end: 0, owner: nil)))
        }
        guard let rights = knownRights(of: record), rights.hiddenUpTo < record.oldest.sequence else { return nil }
        guard rights.allows(.read) else {
            // It looks like one that does not exist.
            return .success(Found(opened: OpenedSubscription(after: 0, end: 0, owner: record.user)))
        }
        let opened = OpenedSubscription(
            after: record.head.sequence, cursor: record.head, end: record.head.sequence, owner: record.user,
            rights: rights)
        return .success(Found(opened: opened, head: record.head))
    }

    private func knownRights(of record: ThreadRecord) -> RightsAnswer? {
        if let rights, rights.owner == record.user, access.counts(rights) { return rights }
        return access.known(RightsRequest(principal: principal, thread: request.thread, owner: record.user))
    }
}
