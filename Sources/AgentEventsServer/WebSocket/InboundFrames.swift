import NIOCore

/// The frames in the bytes that come from the client of a WebSocket (RFC 6455, section 5.2), up to a number of them in each turn of
/// the event loop. Confined to the loop.
///
/// A read has up to 64 KiB, and these may be 10 000 frames: without this all of them would be dealt with in one turn, however
/// soon the client turns out to have sent too much, and the other connections of the loop would wait for it. A usual read is
/// one turn.
///
///     taking ── the last frame of the turn, and bytes are left ──> holding ── beginTurn ──> taking
///       └── a frame that no client may send ──> broken: nothing further is looked at
struct InboundFrames {
    typealias Frame = WebSocketInboundStateMachine<ByteBufferView>.Frame

    /// The number of frames of a turn: as many as a whole read of the socket has, 64 KiB, when they are messages that say
    /// something. Fewer would make small batches, and many commits, of what a program emits.
    static let maximumFrameCount: UInt32 = 512

    /// The rule that a header breaks. What follows it cannot be told apart.
    enum Violation: Error {
        /// The frame is longer than a message may be.
        case tooBig
        /// A control frame is a fragment, or has more than 125 bytes.
        case control
    }

    /// What has come and is not given out yet: the beginning of a frame, or, while it is held, any number of frames.
    private var bytes = ByteBuffer()
    private let maximumFrameByteCount: UInt32
    /// The number of frames that the turn may still have.
    private var leftCount: UInt32 = 0
    private(set) var isBroken = false

    init(maximumFrameByteCount: Int) {
        self.maximumFrameByteCount = UInt32(clamping: maximumFrameByteCount)
    }

    /// Whether frames may be left, for a turn of their own.
    var isHolding: Bool { leftCount == 0 && bytes.readableBytes > 0 }

    /// Bytes have come. What is held goes first; otherwise a turn begins.
    mutating func append(_ new: ByteBuffer) {
        if !isHolding { leftCount = Self.maximumFrameCount }
        guard bytes.readableBytes > 0 else {
            bytes = new
            return
        }
        bytes.discardReadBytes()
        bytes.writeImmutableBuffer(new)
    }

    /// The next turn of what is held begins.
    mutating func beginTurn() { leftCount = Self.maximumFrameCount }

    /// The last turn begins: everything that has come goes before the end.
    mutating func beginLastTurn() { leftCount = .max }

    /// Nothing that has come is of use.
    mutating func removeAll() { bytes = ByteBuffer() }

    /// The next frame of this turn, unmasked; `nil` when the turn is over.
    mutating func next() throws(Violation) -> Frame? {
        guard leftCount > 0, !isBroken else { return nil }
        do throws(Violation) {
            guard let header = try nextHeader(), bytes.readableBytes - header.byteCount >= header.payloadByteCount
            else {
                compact()
                return nil
            }
            leftCount -= 1
            return take(header)
        } catch {
            isBroken = true
            removeAll()
            throw error
        }
    }

    private struct Header {
        let first: UInt8
        let mask: UInt32?
        let byteCount: Int
        let payloadByteCount: Int
    }

    /// - Returns: `nil` when not all of it has come.
    private func nextHeader() throws(Violation) -> Header? {
        let start = bytes.readerIndex
        guard let first = bytes.getInteger(at: start, as: UInt8.self),
            let second = bytes.getInteger(at: start + 1, as: UInt8.self)
        else { return nil }
        var byteCount = 2
        var length = UInt64(second & 0x7f)
        if length == 126 {
            guard let word = bytes.getInteger(at: start + byteCount, as: UInt16.self) else { return nil }
            length = UInt64(word)
            byteCount += 2
        } else if length == 127 {
            guard let word = bytes.getInteger(at: start + byteCount, as: UInt64.self) else { return nil }
            length = word
            byteCount += 8
        }
        // Before the rest has come: a client need not send it.
        guard length <= UInt64(maximumFrameByteCount) else { throw .tooBig }
        let isControl = first & 0x08 != 0
        guard !isControl || first & 0x80 != 0 && length <= 125 else { throw .control }
        var mask: UInt32?
        if second & 0x80 != 0 {
            mask = bytes.getInteger(at: start + byteCount)
            if mask == nil { return nil }
            byteCount += 4
        }
        return Header(first: first, mask: mask, byteCount: byteCount, payloadByteCount: Int(length))
    }

    /// - Parameter header: of a frame that has come as a whole.
    private mutating func take(_ header: Header) -> Frame {
        bytes.moveReaderIndex(forwardBy: header.byteCount)
        guard var payload = bytes.readSlice(length: header.payloadByteCount) else {
            preconditionFailure("a frame that has come as a whole has its payload")
        }
        // Nothing is kept of a buffer that others may write to again.
        if bytes.readableBytes == 0 { bytes = ByteBuffer() }
        if let mask = header.mask, payload.readableBytes > 0 { payload = payload.masked(by: mask) }
        return Frame(
            isFinal: header.first & 0x80 != 0, hasReservedBits: header.first & 0x70 != 0, opcode: header.first & 0x0f,
            isMasked: header.mask != nil, payload: payload.readableBytesView)
    }

    /// The beginning of a frame does not keep the whole of a read.
    private mutating func compact() {
        guard bytes.storageCapacity / 4 > bytes.readableBytes else { return }
        bytes = ByteBuffer(bytes: bytes.readableBytesView)
    }
}

extension ByteBuffer {
    /// The bytes with a mask, or without the one that they have, in a buffer of their own. Eight at a time: each emitted event comes
    /// here, and a read may have 64 KiB of them.
    ///
    /// - Parameter key: the four bytes of a header, the first one highest.
    fileprivate func masked(by key: UInt32) -> ByteBuffer {
        var result = ByteBufferAllocator().buffer(capacity: readableBytes)
        let word = (UInt64(key) << 32 | UInt64(key)).bigEndian
        withUnsafeReadableBytes { source in
            _ = result.writeWithUnsafeMutableBytes(minimumWritableBytes: source.count) { target in
                var index = 0
                while index + 8 <= source.count {
                    let bytes = source.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    target.storeBytes(of: bytes ^ word, toByteOffset: index, as: UInt64.self)
                    index += 8
                }
                while index < source.count {
                    target[index] = source[index] ^ UInt8(truncatingIfNeeded: key >> (24 - 8 * UInt32(index % 4)))
                    index += 1
                }
                return source.count
            }
        }
        return result
    }
}
