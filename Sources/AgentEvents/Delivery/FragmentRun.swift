/// Adjacent fragments of one message, or of one thought, that become one event.
struct FragmentRun {
    private let firstSequence: UInt64
    private var last: StoredEvent
    private var layout: FragmentLayout
    /// The texts, as they stand in JSON; empty while there is one fragment only.
    private var text: [UInt8] = []
    private var isMerged = false

    init(_ event: StoredEvent, _ layout: FragmentLayout) {
        firstSequence = layout.firstSequence
        last = event
        self.layout = layout
    }

    /// Takes the next fragment in, if it belongs here and there is room.
    ///
    /// - Returns: `false` when the run ends before this event; nothing has changed then.
    mutating func append(_ event: StoredEvent, _ next: FragmentLayout, maximumByteCount: Int) -> Bool {
        guard last.id.sequence < .max, next.firstSequence == last.id.sequence + 1,
            event.id.generation == last.id.generation, event.thread == last.thread,
            layout.isOfTheSameText(as: next, last.bytes, event.bytes)
        else { return false }
        let textByteCount = isMerged ? text.count : layout.text.count
        guard next.byteCount(textByteCount: textByteCount + next.text.count, from: firstSequence) <= maximumByteCount
        else { return false }
        if !isMerged { text.append(contentsOf: last.bytes[layout.text]) }
        isMerged = true
        text.append(contentsOf: event.bytes[next.text])
        last = event
        layout = next
        return true
    }

    /// The run as one event.
    var merged: MergedEvent {
        guard isMerged else { return MergedEvent(firstSequence: firstSequence, event: last) }
        var writer = JSONWriter(capacity: layout.byteCount(textByteCount: text.count, from: firstSequence))
        last.bytes.withUnsafeBytes { bytes in
            writer.raw(UnsafeRawBufferPointer(rebasing: bytes[..<layout.sequenceEnd]))
            writer.raw(FragmentLayout.fromSequence)
            writer.integer(firstSequence)
            writer.raw(UnsafeRawBufferPointer(rebasing: bytes[layout.threadStart..<layout.text.lowerBound]))
            writer.raw(text)
            writer.raw(FragmentLayout.end)
        }
        return MergedEvent(
            firstSequence: firstSequence, event: StoredEvent(thread: last.thread, id: last.id, bytes: writer.bytes))
    }
}
