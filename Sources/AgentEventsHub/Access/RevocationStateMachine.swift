package import AgentEvents

/// Decides which credentials are revoked, and which revocations are stored. Bounded in number and in time: a revocation lives as
/// long as a token may that was issued before it.
///
/// Each revocation:
///
///     (none) ── revoke ──> counts, not stored ── saved ──> counts, stored ── its life is over ──> (none)
///                             ^ └ not saved: stays          │
///                             └────── revoke, later ────────┘
///
/// It counts from the first moment, before it is stored.
package struct RevocationStateMachine: Equatable {
    private struct Entry: Equatable {
        var issuedBefore: Timestamp?
        var until: Timestamp
        var isStored: Bool
    }

    private let maximumCount: Int
    private let lifetimeMilliseconds: Int64
    private var entries: [StoredRevocation.Subject: Entry] = [:]

    /// - Parameters:
    ///   - maximumCount: how many count at a time.
    ///   - lifetime: the longest life of a token, and of the leeway in looking at its end.
    package init(maximumCount: Int = 100_000, lifetime: Duration) {
        self.maximumCount = maximumCount
        lifetimeMilliseconds = lifetime.milliseconds
    }

    package var count: Int { entries.count }

    package enum RevokeAction: Equatable {
        /// It counts. Store it, and remove what has had its life; ``saved(_:)`` follows, or nothing.
        case save(StoredRevocation, removing: [StoredRevocation])
        /// It counts and is stored already.
        case unchanged
        /// As many count as may.
        case reject
    }

    /// Credentials are to be revoked.
    ///
    /// - Parameter issuedBefore: of a user's: those that were issued before.
    package mutating func revoke(
        _ subject: StoredRevocation.Subject,
        issuedBefore: Timestamp? = nil,
        at now: Timestamp
    ) -> RevokeAction {
        let removed = removeEnded(at: now)
        let begin = max(now.milliseconds, issuedBefore?.milliseconds ?? .min)
        let (end, isOver) = begin.addingReportingOverflow(lifetimeMilliseconds)
        let until = min(Timestamp(milliseconds: isOver ? .max : end), Timestamp.writable.upperBound)
        let before = entries[subject]
        guard before != nil || entries.count < maximumCount else { return .reject }
        let entry = Entry(
            issuedBefore: Self.later(issuedBefore, before?.issuedBefore), until: max(until, before?.until ?? until),
            isStored: false)
        if let before, before.isStored, before.until == entry.until, before.issuedBefore == entry.issuedBefore {
            return .unchanged
        }
        entries[subject] = entry
        return .save(
            StoredRevocation(subject, issuedBefore: entry.issuedBefore, until: entry.until), removing: removed)
    }

    private static func later(_ one: Timestamp?, _ other: Timestamp?) -> Timestamp? {
        guard let one, let other else { return one ?? other }
        return max(one, other)
    }

    /// A revocation is stored.
    package mutating func saved(_ revocation: StoredRevocation) {
        // A later one of the same subject is still on its way.
        guard let entry = entries[revocation.subject], entry.until == revocation.until,
            entry.issuedBefore == revocation.issuedBefore
        else { return }
        entries[revocation.subject]?.isStored = true
    }

    /// The revocations that were stored by an earlier process.
    ///
    /// - Returns: those that have had their life, to be removed.
    package mutating func loaded(_ revocations: [StoredRevocation], at now: Timestamp) -> [StoredRevocation] {
        var ended: [StoredRevocation] = []
        for revocation in revocations {
            guard revocation.until > now else {
                ended.append(revocation)
                continue
            }
            let before = entries[revocation.subject]
            // What was revoked meanwhile counts as far as it is more.
            guard before.map({ $0.until <= revocation.until }) ?? true else { continue }
            entries[revocation.subject] = Entry(
                issuedBefore: Self.later(revocation.issuedBefore, before?.issuedBefore), until: revocation.until,
                isStored: before == nil)
        }
        return ended
    }

    /// Whether credentials are revoked.
    ///
    /// - Parameter token: the token that they are; `nil` when they are something else.
    package func revokes(_ token: TokenIdentity?, of user: UserID, at now: Timestamp) -> Bool {
        if let id = token?.id, counts(.token(id), at: now) != nil { return true }
        if let key = token?.key {
            if counts(.key(issuer: nil, id: key), at: now) != nil { return true }
            if let issuer = token?.issuer, counts(.key(issuer: issuer, id: key), at: now) != nil { return true }
        }
        guard let entry = counts(.user(user), at: now) else { return false }
        guard let issuedAt = token?.issuedAt, let issuedBefore = entry.issuedBefore else { return true }
        return issuedAt < issuedBefore
    }

    private func counts(_ subject: StoredRevocation.Subject, at now: Timestamp) -> Entry? {
        entries[subject].flatMap { $0.until > now ? $0 : nil }
    }

    private mutating func removeEnded(at now: Timestamp) -> [StoredRevocation] {
        // Only when it matters, since all are looked at.
        guard entries.count >= min(maximumCount, 1024) else { return [] }
        let ended = entries.filter { $0.value.until <= now }
        for subject in ended.keys { entries[subject] = nil }
        return ended.map { StoredRevocation($0.key, issuedBefore: $0.value.issuedBefore, until: $0.value.until) }
    }
}
