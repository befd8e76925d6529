import AgentEvents
import AgentEventsTesting
import Testing

/// Messages by what is searched for; here in memory.
actor SearchIndex {
    private(set) var documents: [String: String] = [:]
    private var isBusy = false

    func put(_ documents: [String: String]) throws(IndexIsBusy) {
        if isBusy { throw IndexIsBusy() }
        self.documents.merge(documents) { $1 }
    }
}

struct IndexIsBusy: Error {}

struct SearchSink: EventSink {
    let name = "search"
    let index: SearchIndex

    func receive(_ batch: SinkBatch) async throws {
        var documents: [String: String] = [:]
        for event in batch.events {
            // The same key whenever the event comes: a repetition changes nothing.
            documents["\(event.thread)/\(event.id)"] = String(decoding: event.bytes, as: UTF8.self)
        }
        do {
            try await index.put(documents)
        } catch {
            throw SearchSinkError(advice: .after(.seconds(5)))
        }
    }
}

struct SearchSinkError: SinkRefusal {
    var advice: SinkRetryAdvice
}

/// The sink of the article *Writing a sink*.
struct WritingASinkTests {
    @Test func conforms() async throws {
        try await EventSinkConformance { .init(SearchSink(index: SearchIndex())) }.run()
    }
}
