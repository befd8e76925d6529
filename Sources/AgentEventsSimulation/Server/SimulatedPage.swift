import AgentEvents

/// Mirrors `SharedPage`.
struct SimulatedPage {
    /// At least one, rising by one.
    let events: [StoredEvent]
    let byteCount: Int

    init(_ events: [StoredEvent]) {
        self.events = events
        byteCount = events.reduce(0) { $0 + $1.bytes.count }
    }

    var sequences: ClosedRange<UInt64> { events[0].id.sequence...events[events.count - 1].id.sequence }

    func id(of sequence: UInt64) -> EventID? {
        sequences.contains(sequence) ? events[Int(sequence - events[0].id.sequence)].id : nil
    }

    /// The events behind a sequence number, framed; `nil` when there are none.
    func batch(after sequence: UInt64, of thread: Int, merging: Bool) -> FramedBatch? {
        guard sequence < sequences.upperBound else { return nil }
        let first = sequence < sequences.lowerBound ? 0 : Int(sequence + 1 - sequences.lowerBound)
        return FramedBatch(Array(events[first...]), thread: thread, merging: merging)
    }
}
