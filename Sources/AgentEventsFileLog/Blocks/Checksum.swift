/// A checksum that finds damage (not malice), fast enough to be checked at every read: four lanes of eight bytes, each
/// multiplied and rotated, so that the processor works on all of them at a time.
enum Checksum {
    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15
    private static let stride = 32

    /// - Parameter seed: what the bytes belong to, so that they are not taken for another's.
    static func of(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt32 {
        let start = mix(seed &+ UInt64(bytes.count))
        guard let base = bytes.baseAddress else { return UInt32(truncatingIfNeeded: mix(start)) }
        var lanes = (start, ~start, start ^ multiplier, ~start ^ multiplier)
        var next = base
        let end = base + bytes.count
        let lastWhole = base + bytes.count / stride * stride
        while next < lastWhole {
            lanes.0 = step(lanes.0, word(next))
            lanes.1 = step(lanes.1, word(next + 8))
            lanes.2 = step(lanes.2, word(next + 16))
            lanes.3 = step(lanes.3, word(next + 24))
            next += stride
        }
        while end - next >= 8 {
            lanes.0 = step(lanes.0, word(next))
            next += 8
        }
        while next < end {
            lanes.1 = step(lanes.1, UInt64(next.load(as: UInt8.self)))
            next += 1
        }
        return UInt32(truncatingIfNeeded: mix(lanes.0 ^ mix(lanes.1 ^ mix(lanes.2 ^ mix(lanes.3)))))
    }

    @inline(__always)
    private static func word(_ pointer: UnsafeRawPointer) -> UInt64 {
        UInt64(littleEndian: pointer.loadUnaligned(as: UInt64.self))
    }

    @inline(__always)
    private static func step(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        let product = (lane ^ word) &* multiplier
        return product &<< 31 | product &>> 33
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        let first = (value ^ (value &>> 33)) &* 0xFF51_AFD7_ED55_8CCD
        let second = (first ^ (first &>> 33)) &* 0xC4CE_B9FE_1A85_EC53
        return second ^ (second &>> 33)
    }
}
