import AgentEvents
import Synchronization

/// A sink that answers each batch as it is told, and remembers what it took.
final class ScriptedSink: EventSink {
    struct Refusal: SinkRefusal, Equatable {
        var advice = SinkRetryAdvice.asUsual
    }

    let name: String
    private let answer: @Sendable ([StoredEvent]) throws -> Void
    private let state = Mutex<(taken: [StoredEvent], batches: [Int])>(([], []))

    /// - Parameter answer: throws what the batch is refused with.
    init(name: String = "scripted", answer: @escaping @Sendable ([StoredEvent]) throws -> Void = { _ in }) {
        self.name = name
        self.answer = answer
    }

    func receive(_ batch: SinkBatch) async throws {
        state.withLock { $0.batches.append(batch.events.count) }
        try answer(batch.events)
        state.withLock { $0.taken += batch.events }
    }

    /// In the order in which they came, repetitions included.
    var taken: [StoredEvent] { state.withLock { $0.taken } }
    /// The sizes of all batches, also of those that were refused.
    var batchSizes: [Int] { state.withLock { $0.batches } }
}
