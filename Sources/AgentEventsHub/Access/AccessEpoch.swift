import AgentEvents
import Synchronization

/// The epoch of access of a hub: a number that rises whenever somebody may have lost a right.
///
/// **How a right that is lost takes effect, from its source to the last byte.** There are four sources:
/// ``AgentEventsHub/invalidateRights(user:thread:)``, ``AgentEventsHub/revoke(_:)``, the end of the credentials, and a refresh
/// with credentials that allow less.
///
/// 1. The first two change what ``ThreadAccess`` knows, and then raise the epoch, before they return. The end of the credentials
///    is a time that each session has; a refresh is an input of its session.
/// 2. Each session remembers the epoch that it has taken account of, and until when its credentials count
///    (``SessionIdentity``). Before **every** write of events, be it of a commit, a page or a part of a state, the two are
///    compared with the epoch and the time: two loads and two compares, no lock. Where one differs, the session looks at what
///    has changed since, and nothing is written that it concerns. Workers do the same before each queued emission and command
///    (``EmissionBatch``). For commits an event loop compares once for all of its sessions (``LoopState/isSettled``): it knows
///    an epoch that all of them have taken account of, and a time before which no credentials end. Only where one of these
///    differs, each session is asked.
/// 3. Event loops are told as well, so that a quiet session notices: it closes (4401), or asks for the rights of the
///    subscriptions that are concerned. What was not written meanwhile is read from the log once it is allowed.
/// 4. A page, or a place, that was asked for before a change is dropped when it comes, and asked for again.
///
/// **Why nothing is missed.** The epoch is stored with `releasing` after the change, and loaded with `acquiring`: a session that
/// sees the new epoch sees the change. A commit that is made after the change was answered comes to an event loop by the lock
/// of its inbox, so the loop sees the epoch before it sees the events. Bytes that were given to the transport before are not
/// called back.
final class AccessEpoch: Sendable {
    private let current = Atomic<UInt64>(0)

    /// The epoch of now.
    var value: UInt64 { current.load(ordering: .acquiring) }

    /// A change has taken effect. Called under the lock that orders the changes.
    func set(_ epoch: UInt64) { current.store(epoch, ordering: .releasing) }
}

/// A change of rights: whose, and in which thread; `nil` for all.
struct RightsChange: Hashable, Sendable {
    let user: UserID?
    let thread: ThreadID?

    func concerns(_ user: UserID) -> Bool { self.user.map { $0 == user } ?? true }

    func concerns(_ thread: ThreadID) -> Bool { self.thread.map { $0 == thread } ?? true }
}

/// The latest changes of access, for sessions that have yet to take account of them: bounded, a session that is far behind takes
/// them for a change of all rights.
struct AccessHistory {
    static var maximumCount: Int { 256 }

    /// The number of changes ever.
    private(set) var epoch: UInt64 = 0
    /// The latest of them; `nil` for one that is not about rights in threads.
    private var changes = Deque<RightsChange?>()

    mutating func append(_ change: RightsChange?) {
        epoch += 1
        changes.append(change)
        if changes.count > Self.maximumCount { _ = changes.popFirst() }
    }

    /// The changes of rights since an epoch.
    func changes(since earlier: UInt64) -> [RightsChange] {
        guard earlier < epoch else { return [] }
        let count = epoch - earlier
        guard count <= UInt64(changes.count) else { return [RightsChange(user: nil, thread: nil)] }
        return changes.suffix(Int(count)).compactMap { $0 }
    }
}
