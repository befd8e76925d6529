import AgentEvents
import NIOCore
import Synchronization

/// Carries commits from the log's writer to the event loops: frames each event once, and hops once per loop
/// for all that is committed meanwhile.
///
/// Loops are told of the threads they have subscriptions for, and of nothing else.
final class StreamDelivery: CommitObserver {
    private struct Interest {
        /// For each thread with a subscription the loops that have one, as bits.
        var loops: [ThreadID: UInt64] = [:]
        /// Everything accepted up to there is committed and was looked at.
        var position: UInt64 = 0
    }

    let sessions = OpenSessions()
    private let loops: [LoopDelivery.Handle]
    private let interest = Mutex(Interest())
    /// Up to where everything is committed, and on its way to the loops that it concerns.
    private let committedPosition = Atomic<UInt64>(0)
    private let allocator = ByteBufferAllocator()

    /// - Parameters:
    ///   - eventLoops: at most 64.
    ///   - limits: what may wait for each event loop, and how many pages are read for its sessions at a time.
    init(
        eventLoops: [any EventLoop],
        pages: ThreadPages,
        limits: StreamLimits,
        metrics: StreamMetrics,
        environment: Environment
    ) {
        precondition(eventLoops.count <= 64, "one bit for each event loop")
        loops = eventLoops.map {
            LoopDelivery.Handle(
                eventLoop: $0, pages: pages, limits: limits, metrics: metrics, environment: environment)
        }
    }

    /// The part of the delivery that lives on an event loop.
    func handle(of eventLoop: any EventLoop) -> LoopDelivery.Handle? {
        loops.first { $0.eventLoop === eventLoop }
    }

    /// From the next commit on, the loop gets the thread's events. Called on the loop, before anything is read for it.
    ///
    /// - Returns: up to where commits were looked at before. One of them may still be on its way to the loop, because the
    ///   loop had listened before; those behind it are not.
    func listen(to thread: ThreadID, on handle: LoopDelivery.Handle) -> UInt64 {
        let bit = bit(of: handle)
        return interest.withLock { interest in
            interest.loops[thread, default: 0] |= bit
            return interest.position
        }
    }

    func stopListening(to thread: ThreadID, on handle: LoopDelivery.Handle) {
        let bit = bit(of: handle)
        interest.withLock { interest in
            guard let bits = interest.loops[thread] else { return }
            interest.loops[thread] = bits & ~bit == 0 ? nil : bits & ~bit
        }
    }

    private func bit(of handle: LoopDelivery.Handle) -> UInt64 {
        guard let index = loops.firstIndex(where: { $0 === handle }) else {
            preconditionFailure("a loop of this delivery")
        }
        return 1 << UInt64(index)
    }

    /// Those who follow a thread, on all loops.
    func subscribers(of thread: ThreadID) async throws -> [Subscriber] {
        var subscribers: [Subscriber] = []
        for loop in loops {
            subscribers += try await loop.eventLoop.submit { loop.onLoop.subscribers(of: thread) }.get()
        }
        return subscribers
    }

    /// Tells every session that the service is about to stop, and when its client may come back.
    func drain(_ spread: ReconnectSpread) {
        for loop in loops { loop.execute { $0.drain(spread) } }
    }

    /// Closes every session because the service goes away.
    ///
    /// - Parameter waitsForAnswers: whether what the clients emitted is answered before.
    func closeSessions(waitsForAnswers: Bool) {
        for loop in loops { loop.execute { $0.closeSessions(waitsForAnswers: waitsForAnswers) } }
    }

    // MARK: Commits

    func didCommit(_ commit: LogCommit, upTo position: UInt64) {
        let parts = partsOfInterest(commit, upTo: position)
        var told: UInt64 = 0
        for (index, loop) in loops.enumerated() {
            let bit: UInt64 = 1 << UInt64(index)
            let events = parts.compactMap { $0.loops & bit == 0 ? nil : $0.events }
            guard !events.isEmpty || loop.awaitsCommits else { continue }
            told |= bit
            loop.post(events, upTo: position)
        }
        committedPosition.store(position, ordering: .sequentiallyConsistent)
        // Who began to wait in between either finds the position or is found here.
        for (index, loop) in loops.enumerated() where told & (1 << UInt64(index)) == 0 && loop.awaitsCommits {
            loop.post([], upTo: position)
        }
    }

    /// Up to where everything is committed. What of it concerns a loop may still be on its way there.
    var currentPosition: UInt64 { committedPosition.load(ordering: .sequentiallyConsistent) }

    /// Tells a loop up to where everything is committed, behind what is on its way to it. Called on the loop.
    func catchUp(_ handle: LoopDelivery.Handle) {
        let position = currentPosition
        guard position > handle.onLoop.committedPosition else { return }
        handle.post([], upTo: position)
    }

    func didFail(_ error: EventLogError) {
        for loop in loops { loop.execute { $0.logFailed(error) } }
    }

    private struct Part {
        var loops: UInt64
        var events: CommittedEvents
    }

    /// What of a commit somebody follows.
    private struct Selection {
        var parts: [(loops: UInt64, owner: ThreadOwner)] = []
        /// For each entry the part that it belongs to; `nil` for none.
        var places: [Int?] = []
    }

    /// Looks up who follows what, and nothing else: event loops wait for the lock.
    private func select(_ commit: LogCommit, upTo position: UInt64) -> Selection {
        var selection = Selection()
        interest.withLock { interest in
            interest.position = position
            guard !interest.loops.isEmpty else { return }
            selection.places.reserveCapacity(commit.entries.count)
            var indices: [ThreadID: Int] = [:]
            var previous: ThreadOwner?
            var place: Int?
            for entry in commit.entries {
                if entry.owner !== previous {
                    previous = entry.owner
                    let thread = entry.owner.thread
                    place = indices[thread]
                    if place == nil, let loops = interest.loops[thread] {
                        place = selection.parts.count
                        indices[thread] = place
                        selection.parts.append((loops, entry.owner))
                    }
                }
                selection.places.append(place)
            }
        }
        return selection
    }

    private func partsOfInterest(_ commit: LogCommit, upTo position: UInt64) -> [Part] {
        let selection = select(commit, upTo: position)
        guard !selection.parts.isEmpty else { return [] }
        var framers: [FramedEvents.Framer?] = Array(repeating: nil, count: selection.parts.count)
        for (entry, place) in zip(commit.entries, selection.places) {
            guard let place else { continue }
            if framers[place] == nil {
                framers[place] = FramedEvents.Framer(
                    frameCount: 1, payloadByteCount: entry.bytes.count, allocator: allocator)
            }
            framers[place]?.append(entry.id, entry.bytes)
        }
        return zip(selection.parts, framers).compactMap { part, framer in
            framer.map {
                Part(
                    loops: part.loops,
                    events: CommittedEvents(
                        FramedEvents($0, thread: part.owner.thread), owner: part.owner.user))
            }
        }
    }
}
