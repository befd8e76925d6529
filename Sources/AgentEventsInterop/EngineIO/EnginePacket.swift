package import NIOCore

/// A packet of Engine.IO, version 4: a digit and a text, or bytes.
package enum EnginePacket: Hashable, Sendable {
    /// - Parameter json: tells the client of the session.
    case open(json: String)
    case close
    case ping(String)
    case pong(String)
    case message(ByteBuffer)
    case binary(ByteBuffer)
    case upgrade
    case noop

    /// Parts the packets of a payload of long-polling.
    package static let separator: UInt8 = 0x1E

    /// Reads a packet that came as text.
    ///
    /// - Returns: `nil` when it is no packet.
    package init?(text: ByteBuffer) {
        var rest = text
        guard let kind = rest.readInteger(as: UInt8.self) else { return nil }
        switch kind {
        case UInt8(ascii: "0"): self = .open(json: String(buffer: rest))
        case UInt8(ascii: "1"): self = .close
        case UInt8(ascii: "2"): self = .ping(String(buffer: rest))
        case UInt8(ascii: "3"): self = .pong(String(buffer: rest))
        case UInt8(ascii: "4"): self = .message(rest)
        case UInt8(ascii: "5"): self = .upgrade
        case UInt8(ascii: "6"): self = .noop
        default: return nil
        }
    }

    /// The largest number of packets in a payload of a client: each costs more than its bytes.
    package static let maximumCountInPayload = 10_000

    /// Reads a payload of long-polling.
    ///
    /// - Returns: `nil` when one of its packets is none, or there are too many.
    package static func decode(payload: ByteBuffer) -> [EnginePacket]? {
        var packets: [EnginePacket] = []
        for part in payload.readableBytesView.split(separator: separator, omittingEmptySubsequences: false) {
            guard packets.count < maximumCountInPayload else { return nil }
            if part.first == UInt8(ascii: "b") {
                guard let bytes = Base64.decode(part.dropFirst()) else { return nil }
                packets.append(.binary(ByteBuffer(bytes: bytes)))
            } else {
                guard String(validating: part, as: UTF8.self) != nil,
                    let packet = EnginePacket(text: ByteBuffer(part))
                else { return nil }
                packets.append(packet)
            }
        }
        return packets
    }

    /// The number of bytes that it has about.
    package var byteCount: Int {
        switch self {
        case .open(let text), .ping(let text), .pong(let text): text.utf8.count + 1
        case .message(let bytes): bytes.readableBytes + 1
        case .binary(let bytes): (bytes.readableBytes + 2) / 3 * 4 + 1
        case .close, .upgrade, .noop: 1
        }
    }

    /// Appends the packet as text; a binary one in Base64, as long-polling has it.
    package func write(to buffer: inout ByteBuffer) {
        switch self {
        case .open(let json): buffer.writeString("0\(json)")
        case .close: buffer.writeString("1")
        case .ping(let text): buffer.writeString("2\(text)")
        case .pong(let text): buffer.writeString("3\(text)")
        case .message(let bytes):
            buffer.writeInteger(UInt8(ascii: "4"))
            buffer.writeImmutableBuffer(bytes)
        case .binary(let bytes):
            buffer.writeInteger(UInt8(ascii: "b"))
            Base64.encode(bytes.readableBytesView, to: &buffer)
        case .upgrade: buffer.writeString("5")
        case .noop: buffer.writeString("6")
        }
    }

    /// A payload of long-polling.
    package static func encode(_ packets: some Collection<EnginePacket>) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: packets.reduce(0) { $0 + $1.byteCount + 1 })
        for (index, packet) in packets.enumerated() {
            if index > 0 { buffer.writeInteger(separator) }
            packet.write(to: &buffer)
        }
        return buffer
    }
}

/// Base64 (RFC 4648, section 4), with padding.
enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, digit) in digits.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()

    static func encode(_ bytes: some Collection<UInt8>, to buffer: inout ByteBuffer) {
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 1
            guard count == 3 else { continue }
            for shift in [18, 12, 6, 0] as [UInt32] { buffer.writeInteger(digits[Int(bits >> shift & 63)]) }
            (bits, count) = (0, 0)
        }
        guard count > 0 else { return }
        bits <<= UInt32(8 * (3 - count))
        for index in 0..<4 {
            buffer.writeInteger(index <= count ? digits[Int(bits >> UInt32(18 - 6 * index) & 63)] : UInt8(ascii: "="))
        }
    }

    /// - Returns: `nil` for what is not Base64.
    static func decode(_ text: some BidirectionalCollection<UInt8>) -> [UInt8]? {
        var digits = text[...]
        guard digits.count % 4 == 0 else { return nil }
        for _ in 0..<2 where digits.last == UInt8(ascii: "=") { digits.removeLast() }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count * 3 / 4)
        var bits: UInt32 = 0
        var bitCount: UInt32 = 0
        for digit in digits {
            let value = values[Int(digit)]
            guard value < 64 else { return nil }
            bits = (bits << 6 | UInt32(value)) & 0xFFFFFF
            bitCount += 6
            guard bitCount >= 8 else { continue }
            bitCount -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> bitCount))
        }
        return bytes
    }
}
