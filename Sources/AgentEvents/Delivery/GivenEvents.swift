/// The ids of the events of a thread that a reader was given, as a few numbers: they rise by one, and their generation
/// changes seldom.
///
/// What a reader says about events is about those. One of another history may have the number of one of them, so the number
/// alone does not tell.
package struct GivenEvents: Hashable, Sendable {
    /// Events of one generation, from the first of them to where the next part begins.
    private struct Part: Hashable, Sendable {
        var first: UInt64
        var generation: UInt64
    }

    /// At least this many generations are remembered; of those before, only that they were lower.
    private static let earlierPartCount = 64

    /// The part that ``last`` is in; `nil` as long as nothing was given.
    private var part: Part?
    /// Those before, in order. Mostly there are none, which costs no memory.
    private var earlier: [Part] = []
    /// Whether the reader may know of events before the first one given, from an earlier time.
    private var reachesBack: Bool
    /// The last event given, or the one after which the reader begins; `nil` for none.
    package private(set) var last: EventID?

    /// - Parameter cursor: the event after which the reader begins; `nil` when it begins with the first one that there is.
    package init(after cursor: EventID?) {
        reachesBack = cursor != nil
        last = cursor
        part = cursor.map { Part(first: $0.sequence, generation: $0.generation) }
    }

    /// - Parameter first: the event with which the reader begins; it may know of those before, which were trimmed.
    package init(beginningWith first: EventID) {
        reachesBack = true
        part = Part(first: first.sequence, generation: first.generation)
    }

    /// - Parameter reachesBack: whether the reader may know of events before the first one that it is given.
    package init(reachingBack reachesBack: Bool) { self.reachesBack = reachesBack }

    /// The reader was given an event, and with it those from an earlier one of the same generation on.
    package mutating func insert(_ id: EventID, from first: UInt64) {
        last = id
        guard part?.generation != id.generation else { return }
        if let part { earlier.append(part) }
        part = Part(first: first, generation: id.generation)
        guard earlier.count > 2 * Self.earlierPartCount else { return }
        earlier.removeFirst(Self.earlierPartCount)
        reachesBack = true
    }

    /// Whether an event is one of those given, or one from before that may be of the same history.
    package func mayInclude(_ id: EventID) -> Bool {
        guard let part else { return false }
        if id.sequence >= part.first {
            guard let last, id.sequence <= last.sequence else { return false }
            return id.generation == part.generation
        }
        if let known = earlier.last(where: { $0.first <= id.sequence }) { return id.generation == known.generation }
        return reachesBack && id.generation <= (earlier.first ?? part).generation
    }
}
