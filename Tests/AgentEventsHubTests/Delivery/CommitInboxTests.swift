import Testing

@testable import AgentEventsHub

/// What waits for an event loop, and what goes by the log because too much waits.
struct CommitInboxTests {
    private struct Element: InboxElement, Equatable {
        let thread: String
        let last: Int
        var byteCount = 100
        var hasEvents = true

        func adjoins(_ next: Element) -> Bool { hasEvents && next.hasEvents && last + 1 == next.last }
        static func joining(_ run: ArraySlice<Element>) -> Element { run[run.endIndex - 1] }

        var notice: Element { Element(thread: thread, last: last, byteCount: 0, hasEvents: false) }
    }

    /// In words: thread, last sequence, position; with a question mark when the events are in the log only.
    private static func words(_ batch: CommitInbox<Element>.Batch) -> [String] {
        batch.elements.map { "\($0.element.thread)\($0.element.last)\($0.element.hasEvents ? "" : "?")@\($0.position)" }
    }

    @Test func theLoopIsToldOnceAndTakesEverything() {
        var inbox = CommitInbox<Element>(maximumByteCount: 10_000)
        let told = [
            inbox.post([Element(thread: "a", last: 1), Element(thread: "b", last: 1)], upTo: 2),
            inbox.post([Element(thread: "a", last: 2)], upTo: 3),
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

    @Test func whatGoesBeyondTheLimitIsNewsOnlyOneForEachThread() {
        // Each element costs 356 bytes.
        var inbox = CommitInbox<Element>(maximumByteCount: 800)
        for position in UInt64(1)...6 {
            let thread = position % 2 == 0 ? "b" : "a"
            _ = inbox.post([Element(thread: thread, last: Int(position + 1) / 2)], upTo: position)
        }
        let full = inbox.take()
        #expect(Self.words(full) == ["a1@1", "b1@2", "a3?@5", "b3?@6"])
        _ = inbox.post([Element(thread: "a", last: 4)], upTo: 7)
        let next = inbox.take()
        #expect(Self.words(next) == ["a4@7"])
    }

    /// Else a loop would go back to an event before the news.
    @Test func nothingFitsBehindNews() {
        var inbox = CommitInbox<Element>(maximumByteCount: 800)
        _ = inbox.post([Element(thread: "a", last: 1)], upTo: 1)
        _ = inbox.post([Element(thread: "a", last: 2, byteCount: 1000)], upTo: 2)
        _ = inbox.post([Element(thread: "a", last: 3, byteCount: 1)], upTo: 3)
        let batch = inbox.take()
        #expect(Self.words(batch) == ["a1@1", "a3?@3"])
    }
}
