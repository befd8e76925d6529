/// A position in the log of all threads: how many events of a block have been read.
///
/// As a number it grows in the order of commits; 0 is before everything.
struct LogOffset: Hashable, Sendable {
    private static let countBits: UInt64 = 12
    /// No block is at this position or after it.
    static let endOfBlocks: Int64 = 1 << 52

    let block: Int64
    /// At most 4095.
    let eventCount: Int

    init(block: Int64, eventCount: Int) {
        self.block = block
        self.eventCount = eventCount
    }

    init(_ number: UInt64) {
        block = Int64(number >> Self.countBits)
        eventCount = Int(number & (1 << Self.countBits - 1))
    }

    var number: UInt64 { UInt64(block) << Self.countBits | UInt64(eventCount) }
}
