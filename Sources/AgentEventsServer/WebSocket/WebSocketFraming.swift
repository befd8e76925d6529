package import AgentEventsHub
import AgentEventsProtocol
import NIOCore

/// Finished frames of a server: unmasked, whole, as bytes. Framed once and written below any encoder, so that all
/// subscribers share them.
enum WebSocketFraming {
    static let maximumHeaderByteCount = 10
    fileprivate static let textOpcode: UInt8 = 0x1

    /// Appends a text frame.
    static func appendText(_ payload: some Collection<UInt8>, to buffer: inout ByteBuffer) {
        appendHeader(opcode: textOpcode, payloadByteCount: payload.count, to: &buffer)
        buffer.writeBytes(payload)
    }

    /// Appends a binary frame.
    static func appendBinary(_ payload: some Collection<UInt8>, to buffer: inout ByteBuffer) {
        appendHeader(opcode: 0x2, payloadByteCount: payload.count, to: &buffer)
        buffer.writeBytes(payload)
    }

    /// Room for this number of frames with this number of bytes of payload in all.
    static func capacity(frameCount: Int, payloadByteCount: Int) -> Int {
        frameCount * maximumHeaderByteCount + payloadByteCount
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
    fileprivate static func appendHeader(opcode: UInt8, payloadByteCount: Int, to buffer: inout ByteBuffer) {
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

extension StreamFraming {
    /// Text frames of a server, each with a whole message.
    package static let webSocket = StreamFraming(
        webSocketName, maximumOverheadByteCount: WebSocketFraming.maximumHeaderByteCount
    ) { message, buffer in
        WebSocketFraming.appendHeader(
            opcode: WebSocketFraming.textOpcode, payloadByteCount: message.byteCount, to: &buffer)
    }
}
