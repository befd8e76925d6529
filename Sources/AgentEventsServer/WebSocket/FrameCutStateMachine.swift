import NIOCore

/// Decides where the bytes of a client of a WebSocket are cut: at the end of a frame, when that is as much as one turn of the
/// event loop deals with. It knows of a frame no more than where it ends.
///
///     header ── all bytes of it ──> payload ── as many bytes as it says ──> header
struct FrameCutStateMachine: Equatable {
    /// The number of frames of a turn: as many as a whole read of the socket has, 64 KiB, when they are messages that say
    /// something. Fewer would make small batches, and many commits, of what a program emits.
    static let maximumFrameCount = 512

    private enum State: Equatable {
        /// So many bytes of the header have come, and the first two of them were these.
        case header(byteCount: Int, second: UInt8, length: UInt64)
        /// So many bytes of the payload are still to come.
        case payload(UInt64)
    }

    private var state = State.header(byteCount: 0, second: 0, length: 0)

    /// Takes the bytes of one turn.
    ///
    /// - Parameter bytes: those that follow the ones taken before.
    /// - Returns: how many of them are dealt with in this turn: all of them, or those up to the end of a frame.
    mutating func take(_ bytes: some RandomAccessCollection<UInt8>) -> Int {
        let count = bytes.count
        var position = 0
        var frameCount = 0
        while position < count {
            switch state {
            case .payload(let left):
                let taken = Int(clamping: min(left, UInt64(count - position)))
                position += taken
                guard finish(payload: left - UInt64(taken), &frameCount) else { return position }
            case .header(let byteCount, var second, var length):
                let byte = bytes[bytes.index(bytes.startIndex, offsetBy: position)]
                position += 1
                if byteCount == 1 { second = byte }
                if byteCount >= 2, byteCount < Self.lengthEnd(second) { length = length << 8 | UInt64(byte) }
                guard byteCount > 0, byteCount + 1 == Self.headerByteCount(second) else {
                    state = .header(byteCount: byteCount + 1, second: second, length: length)
                    continue
                }
                let short = second & 0x7f
                guard finish(payload: short < 126 ? UInt64(short) : length, &frameCount) else { return position }
            }
        }
        return count
    }

    /// The payload, or what is left of it, is known.
    ///
    /// - Returns: whether the turn continues.
    private mutating func finish(payload: UInt64, _ frameCount: inout Int) -> Bool {
        guard payload == 0 else {
            state = .payload(payload)
            return true
        }
        state = .header(byteCount: 0, second: 0, length: 0)
        frameCount += 1
        return frameCount < Self.maximumFrameCount
    }

    /// The end of the length in a header whose second byte is this.
    private static func lengthEnd(_ second: UInt8) -> Int {
        switch second & 0x7f {
        case 126: 4
        case 127: 10
        default: 2
        }
    }

    private static func headerByteCount(_ second: UInt8) -> Int { lengthEnd(second) + (second & 0x80 == 0 ? 0 : 4) }
}
