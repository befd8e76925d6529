/// The bytes of a file: as a program sees them, and as they are on the disk.
///
///     write, truncate ──> pending ──(synchronize)──> durable
///                            │
///                            ├──(a synchronization that fails)──> nowhere: a program sees them, the disk never will
///                            └──(the power is cut)──> durable, in any part: none, all, a torn prefix, some sectors
struct SimulatedFileContent {
    private enum Change {
        case write(offset: Int, bytes: [UInt8])
        case truncate(byteCount: Int)

        func apply(to bytes: inout [UInt8]) {
            switch self {
            case .truncate(let byteCount):
                if byteCount < bytes.count {
                    bytes.removeLast(bytes.count - byteCount)
                } else {
                    bytes.append(contentsOf: repeatElement(0, count: byteCount - bytes.count))
                }
            case .write(let offset, let written):
                let end = offset + written.count
                if bytes.count < end { bytes.append(contentsOf: repeatElement(0, count: end - bytes.count)) }
                bytes.replaceSubrange(offset..<end, with: written)
            }
        }
    }

    private static let sectorByteCount = 512

    /// The bytes that a program sees.
    private(set) var bytes: [UInt8] = []
    private var durable: [UInt8] = []
    private var pending: [Change] = []

    mutating func write(_ written: [UInt8], at offset: Int) { change(.write(offset: offset, bytes: written)) }

    mutating func truncate(to byteCount: Int) { change(.truncate(byteCount: byteCount)) }

    private mutating func change(_ change: Change) {
        change.apply(to: &bytes)
        pending.append(change)
    }

    mutating func synchronize() {
        for change in pending { change.apply(to: &durable) }
        pending = []
    }

    /// A synchronization fails: the system gives up what it could not write, and says so once.
    mutating func failSynchronization() { pending = [] }

    mutating func cutPower(_ random: inout SplitMix) {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: break
        case 1: for change in pending { change.apply(to: &durable) }
        case 2, 3: keepPrefix(&random)
        default: keepSectors(&random)
        }
        pending = []
        bytes = durable
    }

    /// Keeps the first changes, and of the next a part.
    private mutating func keepPrefix(_ random: inout SplitMix) {
        let count = Int.random(in: 0...pending.count, using: &random)
        for change in pending.prefix(count) { change.apply(to: &durable) }
        guard count < pending.count, case .write(let offset, let written) = pending[count] else { return }
        let kept = Int.random(in: 0...written.count, using: &random)
        Change.write(offset: offset, bytes: Array(written.prefix(kept))).apply(to: &durable)
    }

    /// Keeps some sectors of each write, and perhaps the size without the bytes.
    private mutating func keepSectors(_ random: inout SplitMix) {
        for change in pending {
            guard case .write(let offset, let written) = change else {
                if Bool.random(using: &random) { change.apply(to: &durable) }
                continue
            }
            var start = 0
            while start < written.count {
                let sectorEnd = ((offset + start) / Self.sectorByteCount + 1) * Self.sectorByteCount - offset
                let end = min(sectorEnd, written.count)
                if Bool.random(using: &random) {
                    Change.write(offset: offset + start, bytes: Array(written[start..<end])).apply(to: &durable)
                }
                start = end
            }
        }
        if Bool.random(using: &random), durable.count < bytes.count {
            durable.append(contentsOf: repeatElement(0, count: bytes.count - durable.count))
        }
    }
}

/// A generator of numbers from a seed (SplitMix64).
package struct SplitMix: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
