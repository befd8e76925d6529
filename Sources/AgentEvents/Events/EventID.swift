/// The id of an event in its thread, `<generation>-<sequence>` on the wire (`3-42`). It is also the cursor: the position
/// in the thread's log just after that event.
///
/// The sequence alone orders the events of a thread (1, 2, 3, …). The generation is the log's, made durable each time the log
/// is opened: in one log it only rises, and no two histories share one (``GenerationSource``). So it tells a number from
/// the same number in another history: of a log from which a crash took the end, of a restored backup, of a new log.
public struct EventID: Hashable, Sendable, CustomStringConvertible {
    /// The log's when the event was accepted; at least 1.
    public let generation: UInt64
    /// The event's number in its thread; at least 1.
    public let sequence: UInt64

    public init(generation: UInt64, sequence: UInt64) {
        self.generation = generation
        self.sequence = sequence
    }

    /// Reads the wire form: two decimal numbers of at least 1, without leading zeros, joined by a hyphen.
    ///
    /// - Returns: `nil` when the string is anything else.
    public init?(_ string: some StringProtocol) {
        let parts = string.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 2, let generation = Self.number(parts[0]), let sequence = Self.number(parts[1]) else {
            return nil
        }
        self.init(generation: generation, sequence: sequence)
    }

    private static func number(_ digits: some Collection<UInt8>) -> UInt64? {
        guard let first = digits.first, first != UInt8(ascii: "0") else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    public var description: String { "\(generation)-\(sequence)" }
}

/// A position in a thread's log: the id of the last event seen.
public typealias Cursor = EventID
