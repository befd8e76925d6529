/// A row of the table `block`: some consecutive events of one commit and one generation.
struct EncodedBlock: Sendable {
    /// Mixes what a block's checksum depends on besides its bytes.
    static func seed(id: Int64, generation: UInt64) -> UInt64 {
        UInt64(bitPattern: id) &* 0xD6E8_FEB8_6659_FD93 ^ generation
    }

    let id: Int64
    let generation: UInt64
    let eventCount: Int
    /// Sealed.
    let bytes: [UInt8]
}
