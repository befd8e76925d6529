import AgentEvents

/// Decides which part of the commits waits for an event loop that is busy. The loop takes all of it at once.
///
/// It is bounded: once that many bytes wait, further events are left in the log, and the loop gets one notice for each
/// thread.
struct CommitInbox {
    /// Everything that waited.
    struct Batch {
        /// Comes first: what was committed after it is not given by the rights of before.
        var hasAccessChanged = false
        /// In the order of the commits, each with its commit's position; in between, notices of what other writers have
        /// committed. Of one thread, a notice in the place of events comes last.
        var elements: [(element: CommittedEvents, position: UInt64)] = []
        /// Everything accepted up to there is committed.
        var position: UInt64 = 0
        /// When the first commit with elements was made; `nil` without one.
        var time: Duration?
    }

    /// The cost of an element in addition to its bytes.
    private static var elementOverhead: Int { 256 }

    private let maximumByteCount: Int
    private var batch = Batch()
    private var byteCount = 0
    private var isFull = false
    /// The places of the notices in the batch, once it is full.
    private var notices: [ThreadFeed: Int] = [:]
    /// Whether the loop is about to take the batch.
    private var isScheduled = false

    init(maximumByteCount: Int) { self.maximumByteCount = maximumByteCount }

    /// A commit is durable. Commits come in the order of their positions.
    ///
    /// - Parameter time: when it was made.
    /// - Returns: whether to tell the loop that there is something to take.
    mutating func post(_ elements: [CommittedEvents], upTo position: UInt64, at time: Duration = .zero) -> Bool {
        if batch.time == nil, !elements.isEmpty { batch.time = time }
        batch.position = max(batch.position, position)
        for element in elements { post(element, upTo: position) }
        defer { isScheduled = true }
        return !isScheduled
    }

    /// Other writers of the log have committed. That a loop has begun to listen only now does not matter to it.
    ///
    /// - Parameter notices: not in the order of the commits.
    /// - Returns: whether to tell the loop that there is something to take.
    mutating func post(notices: [CommittedEvents]) -> Bool {
        for notice in notices { post(notice, upTo: .max) }
        defer { isScheduled = true }
        return !isScheduled
    }

    /// Access has changed. Whatever is posted from now on is taken with the change, or later.
    ///
    /// - Returns: whether to tell the loop that there is something to take.
    mutating func postAccessChange() -> Bool {
        batch.hasAccessChanged = true
        defer { isScheduled = true }
        return !isScheduled
    }

    private mutating func post(_ element: CommittedEvents, upTo position: UInt64) {
        let count = element.byteCount + Self.elementOverhead
        if !isFull, byteCount + count <= maximumByteCount {
            byteCount += count
            batch.elements.append((element, position))
            return
        }
        // From here on, so that no events come after a notice of later ones.
        isFull = true
        if let index = notices[element.thread] {
            // One that comes from another writer may be late.
            guard element.lastID.sequence > batch.elements[index].element.lastID.sequence else { return }
            batch.elements[index] = (element.notice, position)
        } else {
            notices[element.thread] = batch.elements.count
            batch.elements.append((element.notice, position))
        }
    }

    /// Takes everything that waits.
    mutating func take() -> Batch {
        var taken = Batch()
        taken.position = batch.position
        swap(&taken, &batch)
        byteCount = 0
        isScheduled = false
        if isFull {
            isFull = false
            notices = [:]
        }
        return taken
    }
}
