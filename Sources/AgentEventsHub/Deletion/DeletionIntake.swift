package import AgentEvents
package import AgentEventsProtocol

/// Deletes threads: for those who may share them, and for operators.
package struct DeletionIntake: Sendable {
    private let runtime: AgentRuntime
    private let access: ThreadAccess
    /// The folder of backups; `nil` when there is none.
    private let backupFolder: String?
    private let consumers: ConsumerAcknowledgements?
    private let members: ThreadMembers?
    /// Is told whose rights have changed, after they have.
    private let didChange: @Sendable (UserID, ThreadID) -> Void
    /// Returns when nobody gets anything of the thread any longer.
    private let endDelivery: @Sendable (ThreadID) async throws -> Void

    init(
        runtime: AgentRuntime,
        access: ThreadAccess,
        backupFolder: String?,
        consumers: ConsumerAcknowledgements?,
        members: ThreadMembers?,
        didChange: @escaping @Sendable (UserID, ThreadID) -> Void,
        endDelivery: @escaping @Sendable (ThreadID) async throws -> Void
    ) {
        self.runtime = runtime
        self.access = access
        self.backupFolder = backupFolder
        self.consumers = consumers
        self.members = members
        self.didChange = didChange
        self.endDelivery = endDelivery
    }

    // MARK: For those who may share a thread

    /// Deletes a thread, and returns when that is durable and nothing of it is delivered any longer. For those who may
    /// share it: its user, and members with the role `owner`.
    ///
    /// - Parameter waits: whether to return when its bytes are erased, too.
    /// - Throws: ``ProtocolError``: `auth.scope_missing` without the scope `share`, `thread.unknown`, `deletion.unsupported`.
    package func delete(
        _ thread: ThreadID,
        waits: Bool,
        for principal: Principal
    ) async throws(ProtocolError) -> DeletionReport {
        try ThreadAccess.checkScope(of: principal, for: .share, in: thread)
        try access.checkRevocation(of: principal)
        if try await access.deletion(of: thread, of: principal) == nil {
            let owner = try await owner(of: thread)
            let question = RightsRequest(principal: principal, thread: thread, owner: owner)
            let answer = try await access.answer(to: question).get()
            guard answer.allows(.share), let owner else { throw .unknown(thread) }
            try await delete(thread, of: owner)
        }
        return try await finished(thread, waits: waits).withoutNames
    }

    /// The state of the deletion of a thread that was the principal's.
    ///
    /// - Throws: ``ProtocolError``: `deletion.unknown` for a thread that was not deleted, and that the principal may delete;
    ///   `thread.unknown` for all others.
    package func report(
        of thread: ThreadID,
        for principal: Principal
    ) async throws(ProtocolError) -> DeletionReport {
        try ThreadAccess.checkScope(of: principal, for: .share, in: thread)
        try access.checkRevocation(of: principal)
        if let deletion = try await access.deletion(of: thread, of: principal) {
            return await report(thread, deletion, backupMarks()).withoutNames
        }
        let question = RightsRequest(principal: principal, thread: thread, owner: try await owner(of: thread))
        let answer = try await access.answer(to: question).get()
        guard answer.allows(.share), question.owner != nil else { throw .unknown(thread) }
        throw .notDeleted(thread)
    }

    // MARK: For operators

    /// Deletes a thread of any user.
    package func delete(_ thread: ThreadID, waits: Bool) async throws(ProtocolError) -> DeletionReport {
        if try await deletion(of: thread) == nil {
            guard let owner = try await owner(of: thread) else { throw .unknown(thread) }
            try await delete(thread, of: owner)
        }
        return try await finished(thread, waits: waits)
    }

    package func report(of thread: ThreadID) async throws(ProtocolError) -> DeletionReport {
        guard let deletion = try await deletion(of: thread) else { throw .notDeleted(thread) }
        return await report(thread, deletion, backupMarks())
    }

    /// Deletes all threads of a user, one after the other, and what is kept of the user in threads of others: as a member, and as
    /// a consumer. What others have written about the user in threads of their own stays, and credentials count as before.
    package func deleteUser(_ user: UserID, waits: Bool) async throws(ProtocolError) -> UserDeletionReport {
        guard let log = runtime.log as? any DeletingEventLog else { throw .deletionUnsupported }
        // What was accepted a moment ago may open another one.
        try await mapped(nil) { () async throws in try await runtime.flush() }
        let threads = try await mapped(nil) { () async throws in try await log.threads(of: user) }
        for thread in threads { try await delete(thread, of: user) }
        if waits { try await mapped(nil) { () async throws in _ = try await runtime.erase() } }
        runtime.forgetRefusals(of: user)
        let backups = await backupMarks()
        var reports: [DeletionReport] = []
        for thread in threads {
            guard let deletion = try await deletion(of: thread) else { throw .notDeleted(thread) }
            reports.append(report(thread, deletion, backups))
        }
        return try await UserDeletionReport(
            user: user, threads: reports, membershipCount: forgetMember(user), consumerCount: forgetConsumers(of: user))
    }

    /// - Returns: in how many threads the user was a member; `nil` when nobody can tell.
    private func forgetMember(_ user: UserID) async throws(ProtocolError) -> Int? {
        guard let threads = try await members?.forget(user) else { return nil }
        for thread in threads { didChange(user, thread) }
        return threads.count
    }

    private func forgetConsumers(of user: UserID) async throws(ProtocolError) -> Int? {
        try await mapped(nil) { () async throws in try await consumers?.forget(user) }
    }

    // MARK: Steps

    private func owner(of thread: ThreadID) async throws(ProtocolError) -> UserID? {
        try await mapped(thread) { () async throws in try await runtime.owner(of: thread) }
    }

    private func deletion(of thread: ThreadID) async throws(ProtocolError) -> ThreadDeletion? {
        guard let log = runtime.log as? any DeletingEventLog else { throw .deletionUnsupported }
        return try await mapped(thread) { () async throws in try await log.deletion(of: thread) }
    }

    private func delete(_ thread: ThreadID, of owner: UserID) async throws(ProtocolError) {
        try await mapped(thread) { () async throws in
            try await runtime.deleteThread(thread, user: owner)
            try await endDelivery(thread)
        }
    }

    private func finished(_ thread: ThreadID, waits: Bool) async throws(ProtocolError) -> DeletionReport {
        if waits { try await mapped(thread) { () async throws in _ = try await runtime.erase() } }
        return try await report(of: thread)
    }

    /// All backups, the oldest first; `nil` when they cannot be listed, which is in the report, too.
    private func backupMarks() async -> [BackupMark]? {
        guard let backupFolder, let log = runtime.log as? any BackupListingLog else { return [] }
        return try? await log.backups(in: backupFolder)
    }

    private func report(_ thread: ThreadID, _ deletion: ThreadDeletion, _ backups: [BackupMark]?) -> DeletionReport {
        DeletionReport(
            thread: thread, deletion: deletion, sinks: runtime.sinkLeftovers(of: thread),
            backups: backups?.filter { $0.time <= deletion.deletedAt }, now: runtime.environment.wallClock.now(),
            failure: deletion.erasedAt == nil ? runtime.erasureFailure : nil)
    }

    private func mapped<Value>(
        _ thread: ThreadID?,
        _ body: () async throws -> Value
    ) async throws(ProtocolError) -> Value {
        do {
            return try await body()
        } catch let error as AgentEventsError {
            throw ProtocolError(
                ProtocolError.Code(rawValue: error.code.rawValue), error.message, isRetryable: error.isRetryable,
                threadID: thread)
        } catch let error as EventLogError {
            throw ProtocolError(.log(error.code), error.message, isRetryable: true, threadID: thread)
        } catch {
            throw ProtocolError(
                .internalFailure, "the thread could not be deleted; try again", isRetryable: true, threadID: thread)
        }
    }

}

extension ProtocolError {
    fileprivate static func notDeleted(_ thread: ThreadID) -> ProtocolError {
        ProtocolError(.deletionUnknown, "the thread \(thread) was not deleted", threadID: thread)
    }

    fileprivate static var deletionUnsupported: ProtocolError {
        ProtocolError(.deletionUnsupported, "the log of this service does not delete threads")
    }
}
