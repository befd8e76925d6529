/// Bytes with their checksum in front, as they stand in a column.
enum SealedBytes {
    /// The size of the checksum.
    static let overhead = 4

    /// Writes the checksum of a buffer whose first ``overhead`` bytes are kept for it.
    static func seal(_ buffer: inout [UInt8], seed: UInt64) {
        buffer.withUnsafeMutableBytes { bytes in
            let checksum = Checksum.of(UnsafeRawBufferPointer(rebasing: bytes[overhead...]), seed: seed)
            bytes.storeBytes(of: checksum.littleEndian, as: UInt32.self)
        }
    }

    /// - Returns: what was sealed, or `nil` when it is damaged.
    static func open(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UnsafeRawBufferPointer? {
        guard bytes.count >= overhead else { return nil }
        let content = UnsafeRawBufferPointer(rebasing: bytes[overhead...])
        let checksum = UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
        return checksum == Checksum.of(content, seed: seed) ? content : nil
    }
}
