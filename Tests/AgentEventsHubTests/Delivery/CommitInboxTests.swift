import AgentEvents
import Testing

@testable import AgentEventsHub

/// What waits for an event loop, and what goes by the log because too much waits.
struct CommitInboxTests {
    /// An event whose frame has 100 bytes, unless said otherwise.
    private static func element(_ thread: ThreadID, _ last: UInt64, byteCount: Int = 100) -> CommittedEvents {
        let head = FramedEvents([event(thread, last, byteCount: 0)], thread: thread, framing: .lengthPrefixed).byteCount
        let events = [event(thread, last, byteCount: byteCount - head)]
        let framed = FramedEvents(events, thread: thread, framing: .lengthPrefixed)
        return CommittedEvents(framed, framing: 0, owner: "u")
    }

    private static func event(_ thread: ThreadID, _ last: UInt64, byteCount: Int) -> StoredEvent {
        StoredEvent(
            thread: thread, id: EventID(generation: 1, sequence: last),
            bytes: [UInt8](repeating: UInt8(ascii: "x"), count: max(0, byteCount)))
    }

    /// In words: thread, last sequence, position; with a question mark when the events are in the log only.
    private static func words(_ batch: CommitInbox.Batch) -> [String] {
        batch.elements.map { element, position in
            "\(element.thread.thread.rawValue)\(element.lastID.sequence)\(element.events == nil ? "?" : "")@\(position)"
        }
    }

    @Test func theLoopIsToldOnceAndTakesEverything() {
        var inbox = CommitInbox(maximumByteCount: 10_000)
        let told = [
            inbox.post([Self.element("a", 1), Self.element("b", 1)], upTo: 2),
            inbox.post([Self.element("a", 2)], upTo: 3),
            inbox.post([], upTo: 5),
        ]
        #expect(told == [true, false, false])
        let batch = inbox.take()
        #expect(Self.words(batch) == ["a1@2", "b1@2", "a2@3"])
        #expect(batch.position == 5)
        let isToldAgain = inbox.post([], upTo: 6)
        #expect(isToldAgain)
        let next = inbox.take()
        #expect(Self.words(next).isEmpty && next.position == 6)
        // Nothing is said twice, and a position is never taken back.
        let position = inbox.take().position
        #expect(position == 6)
    }

    /// However many there are, the loop is told once; which they are stands in the history of access.
    @Test func changesOfAccessAreTakenWithWhatIsPostedAfterThem() {
        var inbox = CommitInbox(maximumByteCount: 10_000)
        _ = inbox.post([Self.element("a", 1)], upTo: 1)
        let told = [inbox.postAccessChange(), inbox.postAccessChange(), inbox.post([Self.element("a", 2)], upTo: 2)]
        #expect(told == [false, false, false])
        let batch = inbox.take()
        #expect(batch.hasAccessChanged)
        #expect(Self.words(batch) == ["a1@1", "a2@2"])
        let isTold = inbox.postAccessChange()
        #expect(isTold)
        #expect(inbox.take().hasAccessChanged)
        #expect(!inbox.take().hasAccessChanged)
    }

    @Test func whatGoesBeyondTheLimitIsNewsOnlyOneForEachThread() {
        // Each element costs 356 bytes.
        var inbox = CommitInbox(maximumByteCount: 800)
        for position in UInt64(1)...6 {
            let thread: ThreadID = position % 2 == 0 ? "b" : "a"
            _ = inbox.post([Self.element(thread, (position + 1) / 2)], upTo: position)
        }
        let full = inbox.take()
        #expect(Self.words(full) == ["a1@1", "b1@2", "a3?@5", "b3?@6"])
        _ = inbox.post([Self.element("a", 4)], upTo: 7)
        let next = inbox.take()
        #expect(Self.words(next) == ["a4@7"])
    }

    /// Else a loop would go back to an event before the news.
    @Test func nothingFitsBehindNews() {
        var inbox = CommitInbox(maximumByteCount: 800)
        _ = inbox.post([Self.element("a", 1)], upTo: 1)
        _ = inbox.post([Self.element("a", 2, byteCount: 1000)], upTo: 2)
        _ = inbox.post([Self.element("a", 3, byteCount: 1)], upTo: 3)
        let batch = inbox.take()
        #expect(Self.words(batch) == ["a1@1", "a3?@3"])
    }

    /// Which of the loops listen to the thread is not a matter of its commit's position.
    @Test func whatAnotherWriterCommittedIsANoticeWithoutAPlaceAmongTheCommits() {
        let notice = CommittedEvents(
            noticeOf: AdvancedThread(thread: "a", user: "u", head: EventID(generation: 1, sequence: 7)), framing: 0)
        var inbox = CommitInbox(maximumByteCount: 800)
        let isTold = inbox.post(notices: [notice])
        #expect(isTold)
        _ = inbox.post([Self.element("a", 8)], upTo: 3)
        let batch = inbox.take()
        #expect(Self.words(batch) == ["a7?@\(UInt64.max)", "a8@3"])
        #expect(batch.position == 3)
    }

    @Test func aNoticeThatIsLateTakesThePlaceOfNoneOfLaterEvents() {
        let notice = CommittedEvents(
            noticeOf: AdvancedThread(thread: "a", user: "u", head: EventID(generation: 1, sequence: 2)), framing: 0)
        var inbox = CommitInbox(maximumByteCount: 0)
        _ = inbox.post([Self.element("a", 3)], upTo: 3)
        _ = inbox.post(notices: [notice])
        #expect(Self.words(inbox.take()) == ["a3?@3"])
    }
}
