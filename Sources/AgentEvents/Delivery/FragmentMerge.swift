/// Joins fragments for a reader that catches up: the adjacent ones of one message, or of one thought, become one
/// event.
///
/// The merged event is the last one's, `id`, `seq` and `time` included; it has `from_seq`, and the texts of all.
/// Nothing is decoded: the bytes between the quotation marks are joined as they stand. An event that is not a fragment
/// in the form of ``EventEncoder``, or is not adjacent, passes with its bytes unchanged.
package enum FragmentMerge {
    /// The largest merged event, in bytes, unless told otherwise.
    package static var defaultMaximumByteCount: Int { 64 * 1024 }

    /// - Parameters:
    ///   - events: committed events of one thread, in order.
    ///   - maximumByteCount: the largest merged event, in bytes. An event that was larger before passes unchanged.
    /// - Returns: events that stand for the same sequences, in order: each starts where the one before ended, plus one,
    ///   if that is so of those given.
    package static func merging(
        _ events: some Collection<StoredEvent>, maximumByteCount: Int = defaultMaximumByteCount
    ) -> [MergedEvent] {
        var merged: [MergedEvent] = []
        merged.reserveCapacity(events.underestimatedCount)
        var run: FragmentRun?
        for event in events {
            guard let layout = FragmentLayout(event) else {
                if let run { merged.append(run.merged) }
                run = nil
                merged.append(MergedEvent(firstSequence: event.id.sequence, event: event))
                continue
            }
            if run?.append(event, layout, maximumByteCount: maximumByteCount) != true {
                if let run { merged.append(run.merged) }
                run = FragmentRun(event, layout)
            }
        }
        if let run { merged.append(run.merged) }
        return merged
    }
}

/// An event as a reader gets it: one that was committed, or one that stands for several fragments.
package struct MergedEvent: Hashable, Sendable {
    /// The first sequence that the event stands for; its own when it stands for itself alone.
    package var firstSequence: UInt64
    /// The id of the last event it stands for, and the bytes to send.
    package var event: StoredEvent

    package init(firstSequence: UInt64, event: StoredEvent) {
        self.firstSequence = firstSequence
        self.event = event
    }
}

/// Adjacent fragments of one message, or of one thought, that become one event.
private struct FragmentRun {
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
            layout.continuesSameText(as: next, last.bytes, event.bytes)
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

/// The places of the parts of a fragment in its bytes, when they are in the form of ``EventEncoder``:
/// `{"type":…,"id":…,"seq":…,"thread_id":…,"run_id":…,"agent":…,"time":…,"data":{"message_id":…,"text":…}}`.
private struct FragmentLayout {
    static var fromSequence: StaticString { #","from_seq":"# }
    static var end: StaticString { #""}}"# }

    /// The first sequence that the fragment stands for; its own unless it is merged already.
    private(set) var firstSequence: UInt64
    /// The place after the number of `seq`.
    private(set) var sequenceEnd = 0
    /// The place before the comma of `thread_id`.
    private(set) var threadStart = 0
    /// The time, without its quotation marks.
    private var time = 0..<0
    /// The text as it stands in JSON, without its quotation marks.
    private(set) var text = 0..<0

    /// - Returns: `nil` for an event that is not a fragment, or is one in another form.
    init?(_ event: StoredEvent) {
        firstSequence = event.id.sequence
        let isFragment = event.bytes.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return false }
            var scan = FragmentScan(base: base, end: bytes.count)
            return read(&scan, event)
        }
        guard isFragment else { return nil }
    }

    private mutating func read(_ scan: inout FragmentScan, _ event: StoredEvent) -> Bool {
        let isMessage = scan.skip(#"{"type":"message_delta","id":""#)
        guard isMessage || scan.skip(#"{"type":"agent_thinking","id":""#),
            scan.skip(event.id.generation), scan.skip("-"), scan.skip(event.id.sequence),
            scan.skip(#"","seq":"#), scan.skip(event.id.sequence)
        else { return false }
        sequenceEnd = scan.position
        if scan.skip(Self.fromSequence) {
            guard let from = scan.number(), from > 0, from < event.id.sequence else { return false }
            firstSequence = from
        }
        threadStart = scan.position
        guard scan.skip(#","thread_id":""#), scan.skipString(), scan.skip(#","run_id":""#), scan.skipString(),
            scan.skip(#","agent":""#), scan.skipString(), scan.skip(#","time":""#)
        else { return false }
        let timeStart = scan.position
        guard scan.skipString() else { return false }
        time = timeStart..<(scan.position - 1)
        guard scan.skip(isMessage ? #","data":{"message_id":""# : #","data":{"thought_id":""#), scan.skipString(),
            scan.skip(#","text":""#)
        else { return false }
        let textStart = scan.position
        guard scan.skipString(), scan.end - scan.position == 2 else { return false }
        text = textStart..<(scan.position - 1)
        return scan.skip("}}")
    }

    /// Whether two fragments belong to one message, or to one thought, of one run.
    func continuesSameText(as other: FragmentLayout, _ bytes: [UInt8], _ otherBytes: [UInt8]) -> Bool {
        // All that stands between `seq` and the text, but for the time.
        bytes[threadStart..<time.lowerBound] == otherBytes[other.threadStart..<other.time.lowerBound]
            && bytes[time.upperBound..<text.lowerBound] == otherBytes[other.time.upperBound..<other.text.lowerBound]
    }

    /// The size of the fragment as a merged one, in bytes.
    func byteCount(textByteCount: Int, from firstSequence: UInt64) -> Int {
        var digitCount = 1
        var rest = firstSequence / 10
        while rest > 0 {
            digitCount += 1
            rest /= 10
        }
        return sequenceEnd + Self.fromSequence.utf8CodeUnitCount + digitCount + (text.lowerBound - threadStart)
            + textByteCount + Self.end.utf8CodeUnitCount
    }
}

/// Steps over bytes that should be in the form of ``EventEncoder``. A step that fails leaves the position anywhere up
/// to the place of the fault, but for the literal ones, which leave it where it was.
private struct FragmentScan {
    private let base: UnsafePointer<UInt8>
    let end: Int
    private(set) var position = 0

    init(base: UnsafePointer<UInt8>, end: Int) {
        self.base = base
        self.end = end
    }

    /// Steps over a literal text.
    mutating func skip(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard end - position >= count else { return false }
        for index in 0..<count where base[position &+ index] != text.utf8Start[index] { return false }
        position &+= count
        return true
    }

    /// Steps over a number.
    mutating func skip(_ number: UInt64) -> Bool { self.number() == number }

    /// Reads a number without leading zeros.
    mutating func number() -> UInt64? {
        var value: UInt64 = 0
        let start = position
        while position < end, base[position] >= ASCII.zero, base[position] <= ASCII.nine {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(base[position] &- ASCII.zero))
            guard !overflow, !carry else { return nil }
            value = sum
            position &+= 1
        }
        guard position > start, base[start] != ASCII.zero || position == start + 1 else { return nil }
        return value
    }

    /// Steps over the rest of a string, its closing quotation mark included.
    ///
    /// A string with an escape of a surrogate does not count: half of a pair must not meet the half of another
    /// fragment.
    mutating func skipString() -> Bool {
        while true {
            position = StringScan.firstSpecial(base, from: position, to: end)
            guard position < end else { return false }
            switch base[position] {
            case ASCII.quote:
                position &+= 1
                return true
            case ASCII.backslash:
                guard skipEscape() else { return false }
            default:
                return false
            }
        }
    }

    private mutating func skipEscape() -> Bool {
        guard end - position >= 2 else { return false }
        switch base[position &+ 1] {
        case ASCII.quote, ASCII.backslash, ASCII.slash, UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
            UInt8(ascii: "r"), UInt8(ascii: "t"):
            position &+= 2
            return true
        case UInt8(ascii: "u"):
            // 0x20 is the bit that makes an ASCII letter lower case.
            guard end - position >= 6, base[position &+ 2] | 0x20 != UInt8(ascii: "d") else { return false }
            position &+= 6
            return true
        default:
            return false
        }
    }
}
