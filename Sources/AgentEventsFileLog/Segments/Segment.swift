import AgentEvents

/// A file of blocks that follow each other. Its name says where in the log it begins.
struct Segment: Hashable, Sendable {
    static let suffix = ".blocks"

    /// Left free between the blocks of two openings, so that an offset into a tail that the loss of power took is
    /// before everything that came after. More than is ever not on the disk.
    static let openingGap: Int64 = 1 << 30

    /// The position of its first block.
    let start: Int64
    /// Behind its last block.
    var end: Int64
    let path: String
    /// The size of the file, with the zeros after the last block, over which later blocks are written.
    var allocatedByteCount: Int64
    /// When it was begun; `nil` when that was before the log was opened.
    var begun: Timestamp?

    init(start: Int64, end: Int64, path: String, allocatedByteCount: Int64? = nil) {
        self.start = start
        self.end = end
        self.path = path
        self.allocatedByteCount = allocatedByteCount ?? end - start
    }

    var byteCount: Int64 { end - start }

    /// The position as 16 hexadecimal digits, so that names sort as positions do.
    static func name(start: Int64) -> String {
        let digits = String(start, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits + suffix
    }

    /// The position in a name; `nil` when a file is not ours.
    static func start(name: String) -> Int64? {
        guard name.hasSuffix(suffix) else { return nil }
        let digits = name.dropLast(suffix.count)
        guard digits.count == 16, let start = Int64(digits, radix: 16), start >= 0 else { return nil }
        return start
    }
}
