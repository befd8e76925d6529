import AgentEvents
import NIOCore

/// A page of a thread, read and framed once for all readers that want events of it, wherever in it they begin.
struct SharedPage: Sendable {
    /// Events of one generation.
    struct Part: Sendable {
        var first: UInt64
        var last: EventID
    }

    private let ids: [EventID]
    /// The events by their generations, in order; mostly they have one.
    let parts: [Part]
    private let framing: StreamFraming
    private let framed: FramedEvents
    /// For readers who have fragments merged; `nil` when there is nothing to merge.
    private let merged: Merged?

    fileprivate struct Merged {
        let framed: FramedEvents
        /// The first sequence that each event stands for.
        let starts: [UInt64]
    }

    /// - Parameter events: at least one, rising by one.
    init(_ events: [StoredEvent], thread: ThreadID, framing: StreamFraming) {
        self.framing = framing
        ids = events.map(\.id)
        parts = ids.partsByGeneration
        framed = FramedEvents(events, thread: thread, framing: framing)
        let merging = FragmentMerge.merging(events)
        merged =
            merging.count == events.count
            ? nil
            : Merged(
                framed: FramedEvents(merging, thread: thread, framing: framing),
                starts: merging.map(\.firstSequence))
    }

    var firstID: EventID { ids[0] }
    var lastID: EventID { framed.lastID }
    var sequences: ClosedRange<UInt64> { framed.firstSequence...framed.lastSequence }
    /// The cost of the page, in bytes.
    var byteCount: Int {
        framed.byteCount + (merged?.framed.byteCount ?? 0) + ids.count * MemoryLayout<EventID>.stride
    }

    /// - Returns: `nil` when the event is not on the page.
    func id(of sequence: UInt64) -> EventID? {
        sequences.contains(sequence) ? ids[Int(sequence - framed.firstSequence)] : nil
    }

    /// The frames of the events after a sequence number, as far as the page has them.
    func frames(after sequence: UInt64, merges: Bool) -> [ByteBuffer] {
        guard merges, let merged else { return Self.frames(framed, after: sequence) }
        var start = sequence
        var frames: [ByteBuffer] = []
        if let end = merged.end(ofPartAfter: sequence) {
            // The reader has some of these fragments already: it gets the others, merged.
            let rest = ((sequence + 1)...end).compactMap { number in
                id(of: number).map { StoredEvent(thread: framed.thread, id: $0, bytes: framed.payload(of: number)) }
            }
            let events = FramedEvents(FragmentMerge.merging(rest), thread: framed.thread, framing: framing)
            frames += Self.frames(events, after: sequence)
            start = end
        }
        return frames + Self.frames(merged.framed, after: start)
    }

    /// A small part is copied: it may wait for long to be taken, and must not keep the page.
    private static func frames(_ framed: FramedEvents, after sequence: UInt64) -> [ByteBuffer] {
        guard let part = framed.frames(after: sequence) else { return [] }
        guard part.readableBytes < framed.byteCount / 4 else { return [part] }
        return [ByteBuffer(bytes: part.readableBytesView)]
    }
}

extension [EventID] {
    fileprivate var partsByGeneration: [SharedPage.Part] {
        var parts: [SharedPage.Part] = []
        for id in self {
            if parts.last?.last.generation == id.generation {
                parts[parts.count - 1].last = id
            } else {
                parts.append(SharedPage.Part(first: id.sequence, last: id))
            }
        }
        return parts
    }
}

extension SharedPage.Merged {
    /// - Returns: the last sequence of the event that stands for events already seen and for new ones; `nil` when the
    ///   next event begins after those seen.
    fileprivate func end(ofPartAfter sequence: UInt64) -> UInt64? {
        guard sequence >= framed.firstSequence, sequence < framed.lastSequence else { return nil }
        // The first event that begins after the next one.
        let next = starts.partitioningIndex { $0 > sequence + 1 }
        guard starts[next - 1] != sequence + 1 else { return nil }
        return next < starts.count ? starts[next] - 1 : framed.lastSequence
    }
}
