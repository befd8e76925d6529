/// A checksum that finds damage (not malice), fast enough to be checked at every read.
enum Checksum {
    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// - Parameter seed: what the bytes belong to, so that they are not taken for another's.
    static func of(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt32 {
        var one = mix(seed &+ UInt64(bytes.count))
        var two = ~one
        var offset = 0
        while offset + 16 <= bytes.count {
            let first = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let second = bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
            one = rotate((one ^ UInt64(littleEndian: first)) &* multiplier)
            two = rotate((two ^ UInt64(littleEndian: second)) &* multiplier)
            offset += 16
        }
        while offset < bytes.count {
            one = rotate((one ^ UInt64(bytes[offset])) &* multiplier)
            offset += 1
        }
        return UInt32(truncatingIfNeeded: mix(one ^ mix(two)))
    }

    private static func rotate(_ value: UInt64) -> UInt64 { value << 31 | value >> 33 }

    private static func mix(_ value: UInt64) -> UInt64 {
        let first = (value ^ (value >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        let second = (first ^ (first >> 33)) &* 0xC4CE_B9FE_1A85_EC53
        return second ^ (second >> 33)
    }
}
