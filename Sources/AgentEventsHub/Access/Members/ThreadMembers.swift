import AgentEvents
import AgentEventsProtocol

/// The members of threads, as they are stored beside the log: never in it, since agents must not be driven by who may read
/// what they do.
final class ThreadMembers: Sendable {
    /// The largest number of members of a thread, without its links.
    static let maximumMemberCount = 100
    /// The largest number of share links of a thread.
    static let maximumLinkCount = 20

    private let store: any StateStore
    /// Carries out one change at a time, so that no limit is exceeded by two.
    private let changes = WorkerPool(workerCount: 1)

    init(store: any StateStore) { self.store = store }

    /// The stored member; `nil` for none. One that cannot be read is none.
    func member(_ subject: MemberSubject, of thread: ThreadID) async throws(EventLogError) -> ThreadMember? {
        let bytes = try await store.load(.member, thread: thread, name: subject.description)
        return bytes.flatMap {
            ThreadMember(StoredValue(.member, thread: thread, name: subject.description, bytes: $0))
        }
    }

    /// All stored members of a thread, also those whose time is over.
    func all(of thread: ThreadID) async throws(EventLogError) -> [ThreadMember] {
        try await store.loadAll(.member, thread: thread).compactMap { ThreadMember($0) }
    }

    /// Stores a member, in the place of what it was before, and returns when that is durable. Those whose time is over make
    /// room.
    ///
    /// - Parameters:
    ///   - make: the member, by what it was before; `nil` for a new one. What it throws changes nothing.
    ///   - now: the time.
    /// - Throws: ``ProtocolError``, among others `limits.members` and `limits.links`.
    func put(
        _ subject: MemberSubject,
        in thread: ThreadID,
        at now: Timestamp,
        _ make: @escaping @Sendable (ThreadMember?) throws(ProtocolError) -> ThreadMember
    ) async throws(ProtocolError) -> ThreadMember {
        try await change(thread) { [self] () async throws(ProtocolError) -> ThreadMember in
            let stored = try await logged(thread) { () async throws(EventLogError) in try await all(of: thread) }
            let known = stored.filter { $0.counts(at: now) }
            let member = try make(known.first { $0.subject == subject })
            let count = known.count { $0.subject.isLink == subject.isLink && $0.subject != subject }
            guard count < (subject.isLink ? Self.maximumLinkCount : Self.maximumMemberCount) else {
                throw subject.isLink ? .tooManyLinks(thread) : .tooManyMembers(thread)
            }
            let ended = stored.filter { !$0.counts(at: now) && $0.subject != subject }.map {
                StoredValue(.member, thread: thread, name: $0.subject.description, bytes: nil)
            }
            try await logged(thread) { () async throws(EventLogError) in
                try await store.save(ended + [member.stored(in: thread)])
            }
            return member
        }
    }

    /// Removes a member, and returns when that is durable.
    ///
    /// - Parameter check: is called just before. What it throws changes nothing.
    /// - Returns: whether there was one.
    func remove(
        _ subject: MemberSubject,
        from thread: ThreadID,
        _ check: @escaping @Sendable () throws(ProtocolError) -> Void
    ) async throws(ProtocolError) -> Bool {
        try await change(thread) { [self] () async throws(ProtocolError) -> Bool in
            let name = subject.description
            let isThere = try await logged(thread) { () async throws(EventLogError) in
                try await store.load(.member, thread: thread, name: name) != nil
            }
            try check()
            guard isThere else { return false }
            try await logged(thread) { () async throws(EventLogError) in
                try await store.save([StoredValue(.member, thread: thread, name: name, bytes: nil)])
            }
            return true
        }
    }

    /// Removes a user from all threads, and returns when that is durable.
    ///
    /// - Returns: the threads that the user was a member of; `nil` for a store that cannot be searched.
    func forget(_ user: UserID) async throws(ProtocolError) -> [ThreadID]? {
        guard let store = store as? any SearchableStateStore else { return nil }
        // A user whose id looks like a group or a link is no member: what is stored under the name is theirs.
        guard let subject = try? MemberSubject(user), subject == .user(user) else { return [] }
        let name = subject.description
        return try await change(nil) { [self] () async throws(ProtocolError) -> [ThreadID] in
            try await logged(nil) { () async throws(EventLogError) in
                try await store.removeAll(.member, namePrefix: name) { $0 == name }
            }
        }
    }

    private func logged<Value>(
        _ thread: ThreadID?,
        _ body: () async throws(EventLogError) -> Value
    ) async throws(ProtocolError) -> Value {
        do throws(EventLogError) {
            return try await body()
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
    }

    private func change<Value: Sendable>(
        _ thread: ThreadID?,
        _ body: @escaping @Sendable () async throws(ProtocolError) -> Value
    ) async throws(ProtocolError) -> Value {
        let result: Result<Value, ProtocolError> = await withCheckedContinuation { continuation in
            let isAccepted = changes.submit {
                do throws(ProtocolError) {
                    continuation.resume(returning: .success(try await body()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
            if !isAccepted { continuation.resume(returning: .failure(.stopping(thread))) }
        }
        return try result.get()
    }

    /// Carries changes out until ``finish()``.
    func run() async { await changes.run() }

    func finish() { changes.finish() }
}

extension ProtocolError {
    fileprivate static func tooManyMembers(_ thread: ThreadID) -> ProtocolError {
        ProtocolError(
            .tooManyMembers, "a thread has at most \(ThreadMembers.maximumMemberCount) members: remove one first",
            threadID: thread)
    }

    fileprivate static func tooManyLinks(_ thread: ThreadID) -> ProtocolError {
        ProtocolError(
            .tooManyLinks, "a thread has at most \(ThreadMembers.maximumLinkCount) share links: remove one first",
            threadID: thread)
    }
}
