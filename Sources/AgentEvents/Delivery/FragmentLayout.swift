/// Where the parts of a fragment stand in its bytes, when they are in the form of ``EventEncoder``:
/// `{"type":…,"id":…,"seq":…,"thread_id":…,"run_id":…,"agent":…,"time":…,"data":{"message_id":…,"text":…}}`.
struct FragmentLayout {
    static var fromSequence: StaticString { #","from_seq":"# }
    static var end: StaticString { #""}}"# }

    /// The first sequence that the fragment stands for; its own unless it is merged already.
    private(set) var firstSequence: UInt64
    /// Behind the number of `seq`.
    private(set) var sequenceEnd = 0
    /// Before the comma of `thread_id`.
    private(set) var threadStart = 0
    /// The time, without its quotation marks.
    private var time = 0..<0
    /// The text as it stands in JSON, without its quotation marks.
    private(set) var text = 0..<0

    /// - Returns: `nil` for what is no fragment, or one in another form.
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
    func isOfTheSameText(as other: FragmentLayout, _ bytes: [UInt8], _ otherBytes: [UInt8]) -> Bool {
        // All that stands between `seq` and the text, but for the time.
        bytes[threadStart..<time.lowerBound] == otherBytes[other.threadStart..<other.time.lowerBound]
            && bytes[time.upperBound..<text.lowerBound] == otherBytes[other.time.upperBound..<other.text.lowerBound]
    }

    /// How large the fragment is as a merged one, in bytes.
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
