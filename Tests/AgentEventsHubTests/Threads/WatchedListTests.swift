import AgentEvents
import AgentEventsProtocol
import Testing

@testable import AgentEventsHub

struct WatchedListTests {
    private static func page(_ heads: KeyValuePairs<String, String>, next: CardPlace? = nil) -> ThreadListPage {
        ThreadListPage(
            threads: heads.map { ["thread_id": .string($0.key), "head": .string($0.value)] }, next: next)
    }

    @Test func onlyWhatHasBecomeOfItIsTold() throws {
        var list = WatchedList()
        let firstNews = list.replace(by: Self.page(["a": "1-1", "b": "1-1"]))
        let first = try #require(firstNews)
        #expect(first.threads.count == 2 && first.gone == [] && first.next == nil)
        let same = list.replace(by: Self.page(["b": "1-1", "a": "1-1"]))
        #expect(same == nil, "the order follows from the times")
        let secondNews = list.replace(by: Self.page(["a": "1-2", "b": "1-1", "c": "1-1"]))
        let second = try #require(secondNews)
        #expect(second.threads == [["thread_id": "a", "head": "1-2"], ["thread_id": "c", "head": "1-1"]])
        #expect(second.gone == [])
        let place = CardPlace(activity: Timestamp(milliseconds: 5), thread: "c")
        let thirdNews = list.replace(by: Self.page(["c": "1-1"], next: place))
        let third = try #require(thirdNews)
        #expect(third.threads == [] && third.gone == ["a", "b"] && third.next == "5-c")
        let fourthNews = list.replace(by: Self.page(["c": "1-1"]))
        let fourth = try #require(fourthNews)
        #expect(fourth.threads == [] && fourth.gone == [] && fourth.next == nil)
    }

    @Test func anEmptyListIsToldOnce() {
        var list = WatchedList()
        let first = list.replace(by: Self.page([:]))
        #expect(first == ThreadListNews(threads: [], gone: [], next: nil))
        let second = list.replace(by: Self.page([:]))
        #expect(second == nil)
    }
}
