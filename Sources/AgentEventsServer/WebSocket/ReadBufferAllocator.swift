import NIOCore

/// The size of the next read of a connection: it doubles when a read was full, and halves when two in a row took less than half.
///
/// As `AdaptiveRecvByteBufferAllocator` from 512 bytes to 64 KiB, but so small that a channel keeps it without a box.
struct ReadBufferAllocator: RecvByteBufferAllocator {
    /// Kept for as long as the connection is there, and larger when it has more to say.
    static let minimumByteCount: UInt32 = 512
    static let maximumByteCount: UInt32 = 65_536

    private var byteCount = Self.minimumByteCount
    private var hasTakenLittle = false

    func nextBufferSize() -> Int? { Int(byteCount) }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { allocator.buffer(capacity: Int(byteCount)) }

    /// - Returns: whether the next buffer is larger.
    mutating func record(actualReadBytes: Int) -> Bool {
        let wasLittle = hasTakenLittle
        hasTakenLittle = false
        if actualReadBytes <= Int(byteCount / 2), byteCount > Self.minimumByteCount {
            if wasLittle { byteCount /= 2 } else { hasTakenLittle = true }
        } else if actualReadBytes >= Int(byteCount), byteCount < Self.maximumByteCount {
            byteCount *= 2
            return true
        }
        return false
    }
}
