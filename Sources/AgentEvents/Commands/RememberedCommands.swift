/// The answers to commands that made no event, by their keys, for a while: nothing in the log knows them.
///
/// ```
/// unknown ── remember ──> remembered ── 10 minutes, 256 later ones of the thread, or 65 536 of all ──> unknown
/// ```
///
/// What is forgotten is decided again when it is sent again; the event that its sender had seen, or the run that it names,
/// makes that harmless.
package struct RememberedCommands: Sendable {
    package static let lifetime: Duration = .seconds(600)
    package static let maximumCountOfThread = 256
    package static let maximumCount = 65_536

    package struct Answer: Hashable, Sendable {
        package var digest: RequestDigest
        package var receipt: CommandReceipt

        package init(digest: RequestDigest, receipt: CommandReceipt) {
            self.digest = digest
            self.receipt = receipt
        }
    }

    private struct Place: Hashable {
        let thread: ThreadID
        let key: IdempotencyKey
    }

    private struct Element {
        let place: Place
        let number: UInt64
        let time: Duration
    }

    private var answers: [Place: (element: Element, answer: Answer)] = [:]
    /// The places of ``answers`` in the order in which they came; one that has gone before stays here until its turn.
    private var order = Deque<Element>()
    private var ofThreads: [ThreadID: Deque<Element>] = [:]
    private var nextNumber: UInt64 = 0

    package init() {}

    /// The number of answers that are kept.
    package var count: Int { answers.count }

    package func find(_ key: IdempotencyKey, in thread: ThreadID, at now: Duration) -> Answer? {
        guard let (element, answer) = answers[Place(thread: thread, key: key)] else { return nil }
        return now - element.time < Self.lifetime ? answer : nil
    }

    package mutating func remember(
        _ answer: Answer,
        as key: IdempotencyKey,
        in thread: ThreadID,
        at now: Duration
    ) {
        forget(at: now)
        let element = Element(place: Place(thread: thread, key: key), number: nextNumber, time: now)
        nextNumber += 1
        answers[element.place] = (element, answer)
        order.append(element)
        ofThreads[thread, default: Deque()].append(element)
        if ofThreads[thread]?.count ?? 0 > Self.maximumCountOfThread, let oldest = ofThreads[thread]?.popFirst() {
            remove(oldest)
        }
        while order.count > Self.maximumCount { forgetFirst() }
    }

    private mutating func forget(at now: Duration) {
        while let first = order.first, now - first.time >= Self.lifetime { forgetFirst() }
    }

    private mutating func forgetFirst() {
        guard let element = order.popFirst() else { return }
        let thread = element.place.thread
        // One of a thread is forgotten in the same order, so that it is the thread's first, or gone already.
        if ofThreads[thread]?.first?.number == element.number {
            _ = ofThreads[thread]?.popFirst()
            if ofThreads[thread]?.isEmpty == true { ofThreads[thread] = nil }
        }
        remove(element)
    }

    /// Removes an answer, unless a newer one has its place.
    private mutating func remove(_ element: Element) {
        if answers[element.place]?.element.number == element.number { answers[element.place] = nil }
    }
}
