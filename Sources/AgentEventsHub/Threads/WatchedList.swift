import AgentEvents
import AgentEventsProtocol

/// What a client that watches a list has of it: one page, whatever happens.
struct WatchedList {
    private var threads: [ThreadID: JSONValue] = [:]
    private var next: CardPlace?
    private var isFirst = true

    /// The list is this one now.
    ///
    /// - Returns: what has become of it; `nil` when the client has it like that.
    mutating func replace(by page: ThreadListPage) -> ThreadListNews? {
        var new: [ThreadID: JSONValue] = [:]
        var changed: [JSONValue] = []
        for json in page.threads {
            guard let thread = json["thread_id"]?.stringValue.flatMap({ try? ThreadID($0) }) else { continue }
            new[thread] = json
            if threads[thread] != json { changed.append(json) }
        }
        let gone = threads.keys.filter { new[$0] == nil }.sorted { $0.rawValue < $1.rawValue }
        defer { (threads, next, isFirst) = (new, page.next, false) }
        guard isFirst || !changed.isEmpty || !gone.isEmpty || next != page.next else { return nil }
        return ThreadListNews(
            threads: changed, gone: gone, next: page.next.map { ThreadListPlace.text(of: $0) })
    }
}
