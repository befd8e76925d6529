import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol

/// The application's side of a followed thread: what it was given, and what it may be given next (I2).
struct ThreadReader {
    /// What the next event may begin with.
    private enum Expectation {
        /// The oldest event that is kept.
        case oldest
        /// What follows the last one.
        case next
        /// What follows the last one that is acknowledged; that may be any the application has handled.
        case atMostNext
        /// Anything that was not there when the thread was asked for: it had this last event.
        case after(EventID?)
    }

    let thread: Int
    let consumer: ConsumerName?
    private let start: StartPosition
    /// Whether the application knows after a crash what it has seen.
    private let remembers: Bool
    /// The follower's number in the stream.
    var number = 0
    private(set) var last: Cursor?
    /// The latest that was handled, whatever became of it.
    private(set) var handled: Cursor?
    /// The highest number that was handled, in whatever history.
    private var highestHandled: UInt64 = 0
    /// Where the generation changes, in what the reader holds.
    private var generations: [(first: UInt64, generation: UInt64)] = []
    private var expectation = Expectation.oldest
    private(set) var takenSinceAcknowledged = 0

    init(thread: Int, consumer: ConsumerName?, start: StartPosition, remembers: Bool) {
        self.thread = thread
        self.consumer = consumer
        self.start = start
        self.remembers = remembers
    }

    // MARK: Following

    /// The thread is followed, for the first time or by a new stream.
    ///
    /// - Parameter isForgetful: the application has lost its memory.
    /// - Returns: where to begin.
    mutating func begin(_ log: SimulatedThread, isForgetful: Bool) -> StartPosition? {
        takenSinceAcknowledged = 0
        if consumer != nil {
            expectation = .atMostNext
            return nil
        }
        if let last, remembers || !isForgetful {
            expectation = .next
            return .after(last)
        }
        last = nil
        generations = []
        if case .now = start {
            expectation = .after(log.record?.head)
        } else {
            expectation = .oldest
        }
        return start
    }

    mutating func reset() {
        last = nil
        generations = []
        expectation = .oldest
        takenSinceAcknowledged = 0
    }

    /// The state as of an event came in the place of all events up to it.
    mutating func received(snapshotAt cursor: Cursor?) {
        guard let cursor else { return }
        last = cursor
        generations = [(cursor.sequence, cursor.generation)]
        expectation = .next
    }

    mutating func didAcknowledge() { takenSinceAcknowledged = 0 }

    // MARK: What is given

    /// - Returns: what is wrong with the event.
    mutating func receive(_ event: StreamEvent, _ log: SimulatedThread) -> InvariantViolation? {
        let first = event.firstSequence
        if let problem = problem(with: event, log) {
            return InvariantViolation(.denseOrder, "\(event.threadID): was given \(first)-\(event.cursor), \(problem)")
        }
        if let last, first <= last.sequence {
            // Handled before, and again after a crash.
            while let latest = generations.last, latest.first >= first { generations.removeLast() }
        }
        expectation = .next
        last = event.cursor
        takenSinceAcknowledged += 1
        highestHandled = max(highestHandled, event.cursor.sequence)
        // A copy that took the log's place may have a lower generation.
        if handled.map({ event.cursor.isNewer(than: $0) || log.lost.contains($0) }) ?? true { handled = event.cursor }
        if generations.last?.generation != event.cursor.generation {
            generations.append((first, event.cursor.generation))
        }
        return difference(event, log)
    }

    private func problem(with event: StreamEvent, _ log: SimulatedThread) -> String? {
        let first = event.firstSequence
        let next = (last?.sequence ?? 0) + 1
        switch expectation {
        case .next:
            // The numbers of what is lost are used again; a reader that has seen it is told.
            if let last, log.lost.contains(last), log.event(event.cursor.sequence)?.id == event.cursor {
                return "was given \(last), which is lost, and no reset"
            }
            return first == next ? nil : "due was \(next)"
        case .oldest: return first <= log.firstKept ? nil : "the oldest is \(log.firstKept)"
        case .atMostNext:
            // What was acknowledged long ago may have reached the service only now.
            let handled = max(next - 1, highestHandled)
            return first <= max(handled + 1, log.firstKept) ? nil : "handled is \(handled), kept from \(log.firstKept)"
        case .after(let head):
            guard let head, first <= head.sequence, !log.lost.contains(head) else { return nil }
            return "asked for was what comes after \(head)"
        }
    }

    /// What the log holds instead (I1, I8).
    private func difference(_ event: StreamEvent, _ log: SimulatedThread) -> InvariantViolation? {
        guard let stored = log.event(event.cursor.sequence), stored.id == event.cursor else {
            guard log.lost.contains(event.cursor) else {
                return InvariantViolation(
                    .committedBeforeVisible, "\(event.threadID): the log does not hold \(event.cursor)")
            }
            return nil
        }
        if event.firstSequence == event.cursor.sequence {
            guard stored.bytes != event.bytes else { return nil }
        } else {
            let parts = (event.firstSequence...event.cursor.sequence).compactMap { log.event($0) }
            let merged = FragmentMerge.merging(parts)
            guard merged.count != 1 || merged[0].event.bytes != event.bytes else { return nil }
        }
        return InvariantViolation(.sameBytes, "\(event.threadID): \(event.cursor) is not as the log has it")
    }

    /// Everything up to a cursor was given.
    func isLive(at cursor: Cursor?) -> InvariantViolation? {
        guard case .next = expectation, let last, let cursor, last != cursor else { return nil }
        return InvariantViolation(.denseOrder, "told that \(cursor) is the last, and was given \(last)")
    }

    /// At the end: what the reader holds is the log's history, up to its head.
    func missing(_ log: SimulatedThread) -> InvariantViolation? {
        guard let last else {
            if case .after = expectation { return nil }
            guard handled == nil, log.firstKept <= log.head else { return nil }
            return InvariantViolation(.liveness, "\(log.owner.thread): nothing was given of \(log.head) events")
        }
        let head = log.event(log.head)?.id
        guard last == head else {
            // Acknowledged long ago; or handled, not acknowledged, and lost; or all behind it is trimmed.
            if case .atMostNext = expectation, handled == head || log.lost.contains(last) || log.firstKept > log.head {
                return nil
            }
            let head = head?.description ?? "0"
            return InvariantViolation(.liveness, "\(log.owner.thread): the last one given is \(last) of \(head)")
        }
        for part in generations where part.first >= log.firstKept {
            guard log.event(part.first)?.id.generation == part.generation else {
                return InvariantViolation(
                    .denseOrder, "\(log.owner.thread): was given \(part.generation)-\(part.first) and no reset")
            }
        }
        return nil
    }
}
