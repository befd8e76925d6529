package import AgentEvents
package import AgentEventsProtocol

/// Deletes threads: for those who may share them, and for operators.
package struct DeletionIntake: Sendable {
    private let runtime: AgentRuntime
    private let access: ThreadAccess
    /// Returns when nobody gets anything of the thread any longer.
    private let endDelivery: @Sendable (ThreadID) async throws -> Void

    init(
        runtime: AgentRuntime,
        access: ThreadAccess,
        endDelivery: @escaping @Sendable (ThreadID) async throws -> Void
    ) {
        self.runtime = runtime
        self.access = access
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
        return try await finished(thread, waits: waits)
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
        if let deletion = try await access.deletion(of: thread, of: principal) { return report(thread, deletion) }
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
        return report(thread, deletion)
    }

    /// Deletes all threads of a user, one after the other. What others have written about the user in threads of their own
    /// stays.
    package func deleteThreads(of user: UserID, waits: Bool) async throws(ProtocolError) -> [DeletionReport] {
        guard let log = runtime.log as? any DeletingEventLog else { throw .deletionUnsupported }
        // What was accepted a moment ago may open another one.
        try await mapped(nil) { () async throws in try await runtime.flush() }
        let threads = try await mapped(nil) { () async throws in try await log.threads(of: user) }
        for thread in threads { try await delete(thread, of: user) }
        if waits { try await mapped(nil) { () async throws in _ = try await runtime.erase() } }
        var reports: [DeletionReport] = []
        for thread in threads { reports.append(try await report(of: thread)) }
        return reports
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

    private func report(_ thread: ThreadID, _ deletion: ThreadDeletion) -> DeletionReport {
        DeletionReport(
            thread: thread, deletion: deletion, sinks: runtime.sinkStates.map(\.name),
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

/// A report on a deleted thread: the parts that are gone, and those that are left.
package struct DeletionReport: Sendable {
    var thread: ThreadID
    var deletion: ThreadDeletion
    /// The names of the sinks, which may have events that they were given before.
    var sinks: [String]
    /// The reason why the bytes could not be erased; it is tried again.
    var failure: (any Error)?

    /// Whether the bytes are erased.
    package var isErased: Bool { deletion.erasedAt != nil }

    package var json: JSONValue {
        var left: [JSONValue] = []
        if !isErased {
            left.append([
                "where": "log", "what": "the bytes of its events, which nobody can read; they are being removed",
            ])
        }
        left += sinks.map { name in
            ["where": "sink", "name": .string(name), "what": "what the sink was given before it was deleted"]
        }
        left.append(["where": "backups", "what": "copies that were made before it was deleted, until they are removed"])
        var members: JSONObject = [
            "thread_id": thread.json,
            "deleted_at": .string(deletion.deletedAt.rfc3339),
            "erased_at": deletion.erasedAt.map { .string($0.rfc3339) } ?? .null,
            "left": .array(left),
        ]
        if let failure { members["failure"] = .string("\((failure as? any CodedError)?.eventCode ?? "error")") }
        return .object(members)
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
