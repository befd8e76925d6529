import AgentEventsProtocol
import NIOCore

/// Finished frames of a server: unmasked, whole, as bytes. Framed once and written below any encoder, so that all
/// subscribers share them.
enum WebSocketFraming {
    static let maximumHeaderByteCount = 10

    /// Appends a text frame.
    static func appendText(_ payload: some Collection<UInt8>, to buffer: inout ByteBuffer) {
        appendHeader(opcode: 0x1, payloadByteCount: payload.count, to: &buffer)
        buffer.writeBytes(payload)
    }

    /// Leaves the payload of a frame that was made here.
    static func removeHeader(of frame: inout ByteBufferView) {
        let byteCount: Int
        switch frame[frame.startIndex + 1] {
        case 126: byteCount = 4
        case 127: byteCount = maximumHeaderByteCount
        default: byteCount = 2
        }
        frame = frame.dropFirst(byteCount)
    }

    /// Room for so many frames with so many bytes of payload in all.
    static func capacity(frameCount: Int, payloadByteCount: Int) -> Int {
        frameCount * maximumHeaderByteCount + payloadByteCount
    }

    static func text(_ payload: some Collection<UInt8>, allocator: ByteBufferAllocator) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: capacity(frameCount: 1, payloadByteCount: payload.count))
        appendText(payload, to: &buffer)
        return buffer
    }

    static func ping(allocator: ByteBufferAllocator) -> ByteBuffer { control(opcode: 0x9, [], allocator: allocator) }

    /// - Parameter payload: at most 125 bytes, as those of every control frame.
    static func pong(_ payload: ByteBuffer, allocator: ByteBufferAllocator) -> ByteBuffer {
        control(opcode: 0xA, payload.readableBytesView, allocator: allocator)
    }

    /// - Parameter reason: for people; cut to what fits into a control frame.
    static func close(code: StreamCloseCode?, reason: String, allocator: ByteBufferAllocator) -> ByteBuffer {
        guard let code else { return control(opcode: 0x8, [], allocator: allocator) }
        var payload = [UInt8(truncatingIfNeeded: code.rawValue >> 8), UInt8(truncatingIfNeeded: code.rawValue)]
        for character in reason {
            guard payload.count + character.utf8.count <= 125 else { break }
            payload.append(contentsOf: character.utf8)
        }
        return control(opcode: 0x8, payload, allocator: allocator)
    }

    private static func control(
        opcode: UInt8,
        _ payload: some Collection<UInt8>,
        allocator: ByteBufferAllocator
    ) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: capacity(frameCount: 1, payloadByteCount: payload.count))
        appendHeader(opcode: opcode, payloadByteCount: payload.count, to: &buffer)
        buffer.writeBytes(payload)
        return buffer
    }

    /// RFC 6455, section 5.2: FIN and opcode, then the shortest form of the length.
    private static func appendHeader(opcode: UInt8, payloadByteCount: Int, to buffer: inout ByteBuffer) {
        buffer.writeInteger(0x80 | opcode)
        switch payloadByteCount {
        case ...125:
            buffer.writeInteger(UInt8(truncatingIfNeeded: payloadByteCount))
        case ...0xFFFF:
            buffer.writeInteger(126 as UInt8)
            buffer.writeInteger(UInt16(truncatingIfNeeded: payloadByteCount))
        default:
            buffer.writeInteger(127 as UInt8)
            buffer.writeInteger(UInt64(payloadByteCount))
        }
    }
}
