import Synchronization

/// The latest emissions that were refused, of each thread that had any: in memory only, and a bounded number of them.
///
/// ```
/// refused ── the same as the one before in its thread ──> that one counts once more
///    └────── else ──> kept ── 32 later ones of the thread, or 1 024 later ones of all ──> forgotten
///                       └──── the thread is deleted, or its user ──> gone
/// ```
///
/// They belong to a thread and its owner: when another user opens a thread with the same id later, they are not shown to that user.
package struct RefusedEmissions: Sendable {
    package static let maximumCountOfThread = 32
    package static let maximumCount = 1024

    /// The refused emissions of a thread.
    package struct OfThread: Hashable, Sendable {
        /// From the oldest to the latest.
        package var refusals: [RefusedEmission]
        /// The number of older refusals that made room for later ones.
        package var forgottenCount: Int

        package init(refusals: [RefusedEmission] = [], forgottenCount: Int = 0) {
            self.refusals = refusals
            self.forgottenCount = forgottenCount
        }
    }

    /// A thread, and the user that it belongs to.
    package struct Owner: Hashable, Sendable {
        package let thread: ThreadID
        package let user: UserID

        package init(thread: ThreadID, user: UserID) {
            self.thread = thread
            self.user = user
        }
    }

    private struct Element {
        let number: UInt64
        var refusal: RefusedEmission
    }

    private struct Ring {
        var elements = Deque<Element>()
        /// The latest of them, apart: it may count once more.
        var latest: Element
        var forgottenCount = 0

        init(_ latest: Element) { self.latest = latest }

        var count: Int { elements.count + 1 }
        var firstNumber: UInt64 { elements.first?.number ?? latest.number }
    }

    private struct Place {
        let owner: Owner
        let number: UInt64
    }

    private var rings: [Owner: Ring] = [:]
    /// Those of ``rings`` in the order in which they came, and some that are gone.
    private var order = Deque<Place>()
    private var nextNumber: UInt64 = 0
    /// The number of those that are kept.
    package private(set) var count = 0

    package init() {}

    package func of(_ owner: Owner) -> OfThread {
        guard let ring = rings[owner] else { return OfThread() }
        return OfThread(
            refusals: ring.elements.map(\.refusal) + [ring.latest.refusal], forgottenCount: ring.forgottenCount)
    }

    package mutating func add(_ refusal: RefusedEmission, of owner: Owner) {
        if let latest = rings[owner]?.latest.refusal, refusal.repeats(latest) {
            rings[owner]?.latest.refusal.times += 1
            rings[owner]?.latest.refusal.lastTime = refusal.time
            return
        }
        let element = Element(number: nextNumber, refusal: refusal)
        nextNumber += 1
        if let latest = rings[owner]?.latest {
            rings[owner]?.elements.append(latest)
            rings[owner]?.latest = element
        } else {
            rings[owner] = Ring(element)
        }
        count += 1
        order.append(Place(owner: owner, number: element.number))
        if rings[owner]?.count ?? 0 > Self.maximumCountOfThread { forgetFirst(of: owner) }
        while count > Self.maximumCount, let place = order.popFirst() {
            if rings[place.owner]?.firstNumber == place.number { forgetFirst(of: place.owner) }
        }
        // Amortized: as many come between two of these as one looks at.
        if order.count > 2 * Self.maximumCount { forgetGone() }
    }

    /// A thread was deleted.
    package mutating func forget(_ owner: Owner) {
        count -= rings.removeValue(forKey: owner)?.count ?? 0
    }

    /// All threads of a user were deleted, and what was refused in those that never were there is the user's, too.
    package mutating func forget(_ user: UserID) {
        for owner in rings.keys where owner.user == user { forget(owner) }
    }

    private mutating func forgetFirst(of owner: Owner) {
        count -= 1
        if rings[owner]?.elements.popFirst() == nil {
            rings[owner] = nil
        } else {
            rings[owner]?.forgottenCount += 1
        }
    }

    private mutating func forgetGone() {
        let places = order
        order = Deque()
        for place in places where (rings[place.owner]?.firstNumber).map({ $0 <= place.number }) ?? false {
            order.append(place)
        }
    }
}

/// The refused emissions of a runtime, which its contexts share. Nothing of an event that is accepted comes here.
final class Refusals: Sendable {
    private let kept = Mutex(RefusedEmissions())

    func of(_ owner: RefusedEmissions.Owner) -> RefusedEmissions.OfThread { kept.withLock { $0.of(owner) } }

    func add(_ refusal: RefusedEmission, of owner: ThreadOwner) {
        kept.withLock { $0.add(refusal, of: RefusedEmissions.Owner(owner)) }
    }

    func forget(_ owner: ThreadOwner) { kept.withLock { $0.forget(RefusedEmissions.Owner(owner)) } }

    func forget(_ user: UserID) { kept.withLock { $0.forget(user) } }
}

extension RefusedEmissions.Owner {
    fileprivate init(_ owner: ThreadOwner) { self.init(thread: owner.thread, user: owner.user) }
}

extension AgentRuntime {
    /// The emissions that a thread of a user has refused lately, as long as this process runs.
    package func refusals(of thread: ThreadID, user: UserID) -> RefusedEmissions.OfThread {
        refusals.of(RefusedEmissions.Owner(thread: thread, user: user))
    }

    /// Forgets what was refused in threads of a user that were never there.
    package func forgetRefusals(of user: UserID) { refusals.forget(user) }
}
