package import AgentEvents

/// A request to log events of a thread, all or none.
package struct EmitRequest: Hashable, Sendable {
    /// The thread the events belong to; opened if there is none.
    package var thread: ThreadID
    /// The user whose thread it is; `nil` for the user who asks.
    package var user: UserID?
    /// The lease by which a worker emits for its run; `nil` for everybody else.
    package var lease: LeaseID?
    /// Names the request, so that sending it again logs nothing twice.
    package var key: IdempotencyKey?
    /// At least one.
    package var drafts: [EventDraft]

    package init(
        thread: ThreadID,
        user: UserID? = nil,
        lease: LeaseID? = nil,
        key: IdempotencyKey? = nil,
        drafts: [EventDraft]
    ) {
        self.thread = thread
        self.user = user
        self.lease = lease
        self.key = key
        self.drafts = drafts
    }
}

extension EmitRequest {
    /// - Throws: ``ProtocolError`` with the path to the fault.
    init(_ members: inout MemberReader, maximumBatchEvents: Int) throws(ProtocolError) {
        let events: [JSONValue]
        do throws(WireError) {
            thread = try members.threadID()
            events = try members.array("events")
            user = try members.identifierIfPresent("user_id")
            lease = try members.identifierIfPresent("lease")
            key = try members.identifierIfPresent("key")
        } catch {
            throw ProtocolError(member: error)
        }
        var batch = DraftBatch(maximumCount: maximumBatchEvents, root: .messageMember, thread: thread)
        try batch.checkCount(events.count)
        for event in events { try batch.append(event) }
        drafts = batch.drafts
    }

    /// The drafts as they stand in a message.
    ///
    /// - Throws: ``WireError`` with the path to the fault.
    func encodedDrafts() throws(WireError) -> [[UInt8]] {
        var encoded: [[UInt8]] = []
        encoded.reserveCapacity(drafts.count)
        for (index, draft) in drafts.enumerated() {
            do throws(WireError) {
                encoded.append(try EventEncoder.encodeDraft(draft))
            } catch {
                throw error.inside(path: DraftRoot.messageMember.path(of: index))
            }
        }
        return encoded
    }
}
