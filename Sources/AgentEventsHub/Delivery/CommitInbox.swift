/// Decides what of the commits waits for an event loop that is busy. The loop takes all of it at once.
///
/// It is bounded: with so many bytes waiting, the loop is told of further events, and they are in the log. Of these there
/// is one element for each thread.
struct CommitInbox {
    /// Everything that waited.
    struct Batch {
        /// In the order of the commits, each with its commit's position. Of one thread, news without events are last.
        var elements: [(element: CommittedEvents, position: UInt64)] = []
        /// Everything accepted up to there is committed.
        var position: UInt64 = 0
    }

    /// What an element costs beside its bytes.
    private static var elementOverhead: Int { 256 }

    private let maximumByteCount: Int
    private var batch = Batch()
    private var byteCount = 0
    private var isFull = false
    /// Where the news without events are, once it is full.
    private var news: [ThreadFeed: Int] = [:]
    /// Whether the loop is about to take the batch.
    private var isScheduled = false

    init(maximumByteCount: Int) { self.maximumByteCount = maximumByteCount }

    /// A commit is durable. Commits come in the order of their positions.
    ///
    /// - Returns: whether the loop is to be told that there is something to take.
    mutating func post(_ elements: [CommittedEvents], upTo position: UInt64) -> Bool {
        batch.position = max(batch.position, position)
        for element in elements { post(element, upTo: position) }
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
        // From here on, so that no events come behind news of later ones.
        isFull = true
        if let index = news[element.thread] {
            batch.elements[index] = (element.withoutEvents, position)
        } else {
            news[element.thread] = batch.elements.count
            batch.elements.append((element.withoutEvents, position))
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
            news = [:]
        }
        return taken
    }
}
