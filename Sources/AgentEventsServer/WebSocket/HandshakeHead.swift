import Crypto
package import NIOCore

/// The head of a request for a WebSocket, as clients send it: whole in the first bytes of a connection, with what an upgrade needs
/// and nothing that is to be doubted.
///
/// A head that is another one may be just as good, or is to be refused: HTTP decides about it.
package struct HandshakeHead: Hashable, Sendable {
    /// What it asks for.
    package private(set) var request: UpgradeRequest
    /// The header `Authorization`.
    package private(set) var authorization: String?
    /// The bytes of the head, with the empty line at its end.
    package private(set) var byteCount = 0

    private var hasUpgrade = false
    private var hasConnection = false

    /// Reads a head.
    ///
    /// - Parameters:
    ///   - bytes: the first bytes of a connection.
    ///   - path: the only path that counts.
    package init?(_ bytes: ByteBuffer, path: String) {
        request = UpgradeRequest(method: "GET", path: path, version: nil)
        let isRead = bytes.withUnsafeReadableBytes { bytes in
            let end = min(bytes.count, HTTPLimits.headByteCount)
            guard let line = HandshakeLine(bytes, from: 0, to: end), line.isRequest(for: path) else { return false }
            return readFields(bytes, from: line.next, to: end)
        }
        guard isRead, hasUpgrade, hasConnection, request.key != nil, request.version != nil, request.host != nil else {
            return nil
        }
    }

    private mutating func readFields(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Bool {
        var start = start
        for _ in 0...HTTPLimits.fieldCount {
            guard let line = HandshakeLine(bytes, from: start, to: end) else { return false }
            start = line.next
            if line.isEmpty {
                byteCount = start
                return true
            }
            guard let (name, value) = line.field, value.count <= HTTPLimits.fieldByteCount, read(name, value) else {
                return false
            }
        }
        return false
    }

    /// - Returns: whether the field leaves nothing to be doubted.
    private mutating func read(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        switch name.count {
        case 4 where name.isName("host"):
            return take(value, \.host)
        case 6 where name.isName("origin"):
            return take(value, \.origin)
        case 6 where name.isName("expect"):
            return false
        case 7 where name.isName("upgrade"):
            guard !hasUpgrade, value.isName("websocket") else { return false }
            hasUpgrade = true
        case 10 where name.isName("connection"):
            guard !hasConnection, value.list(contains: "upgrade") else { return false }
            hasConnection = true
        case 13 where name.isName("authorization"):
            guard authorization == nil else { return false }
            authorization = value.text
        case 14 where name.isName("content-length"), 17 where name.isName("transfer-encoding"):
            return false
        case 17 where name.isName("sec-websocket-key"):
            return take(value, \.key)
        case 21 where name.isName("sec-websocket-version"):
            return take(value, \.version)
        case 22 where name.isName("sec-websocket-protocol"):
            request.subprotocols += UpgradeRequest.names(in: [value.text])
        default: break
        }
        return true
    }

    /// Takes the value of a field that is there once.
    private mutating func take(
        _ value: UnsafeRawBufferPointer,
        _ member: WritableKeyPath<UpgradeRequest, String?>
    ) -> Bool {
        guard request[keyPath: member] == nil else { return false }
        request[keyPath: member] = value.text
        return true
    }
}

/// A line of a head, in visible ASCII.
private struct HandshakeLine {
    private let bytes: UnsafeRawBufferPointer
    /// The first byte after the line.
    let next: Int

    /// - Returns: `nil` when there is no whole line, or one with other bytes.
    init?(_ all: UnsafeRawBufferPointer, from start: Int, to end: Int) {
        var index = start
        while index < end {
            let byte = all[index]
            if byte == UInt8(ascii: "\r") {
                guard index + 1 < end, all[index + 1] == UInt8(ascii: "\n") else { return nil }
                bytes = UnsafeRawBufferPointer(rebasing: all[start..<index])
                next = index + 2
                return
            }
            guard byte >= UInt8(ascii: " ") && byte < 0x7F || byte == UInt8(ascii: "\t") else { return nil }
            index += 1
        }
        return nil
    }

    var isEmpty: Bool { bytes.isEmpty }

    /// Whether it is `GET path HTTP/1.1`.
    func isRequest(for path: String) -> Bool {
        let (method, version): (StaticString, StaticString) = ("GET ", " HTTP/1.1")
        var path = path
        return path.withUTF8 { path in
            let count = method.utf8CodeUnitCount + path.count + version.utf8CodeUnitCount
            guard bytes.count == count, !path.isEmpty else { return false }
            return bytes.starts(with: method)
                && bytes[method.utf8CodeUnitCount...].prefix(path.count).elementsEqual(path)
                && UnsafeRawBufferPointer(rebasing: bytes.suffix(version.utf8CodeUnitCount)).starts(with: version)
        }
    }

    /// The name, which is a token of letters, digits, `-` and `_`, and the value, which may have spaces before it and none after it.
    var field: (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)? {
        var end = 0
        while end < bytes.count, bytes[end] != UInt8(ascii: ":") {
            guard bytes[end].isOfName else { return nil }
            end += 1
        }
        guard end > 0, end < bytes.count, !bytes[bytes.count - 1].isBlank else { return nil }
        let value = UnsafeRawBufferPointer(rebasing: bytes[(end + 1)...])
        return (UnsafeRawBufferPointer(rebasing: bytes[..<end]), value.trimmed)
    }
}

extension UInt8 {
    fileprivate var isOfName: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    fileprivate var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
}

extension UnsafeRawBufferPointer {
    fileprivate var text: String { String(decoding: self, as: UTF8.self) }

    fileprivate var trimmed: UnsafeRawBufferPointer {
        var (start, end) = (0, count)
        while start < end, self[start].isBlank { start += 1 }
        while start < end, self[end - 1].isBlank { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: self[start..<end])
    }

    fileprivate func starts(with text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        for index in 0..<text.utf8CodeUnitCount where self[index] != text.utf8Start[index] { return false }
        return true
    }

    /// Whether it is that name, in capitals or not.
    ///
    /// - Parameter name: in small letters.
    fileprivate func isName(_ name: StaticString) -> Bool {
        guard count == name.utf8CodeUnitCount else { return false }
        for index in 0..<count {
            let byte = self[index]
            let small = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
            guard small == name.utf8Start[index] else { return false }
        }
        return true
    }

    /// Whether a list with commas has a name in it.
    fileprivate func list(contains name: StaticString) -> Bool {
        split(separator: UInt8(ascii: ",")).contains { UnsafeRawBufferPointer(rebasing: $0).trimmed.isName(name) }
    }
}

/// The answer to a handshake (RFC 6455, section 4.2.2).
enum HandshakeAnswer {
    /// - Parameters:
    ///   - key: the header `Sec-WebSocket-Key` of the request.
    ///   - subprotocol: the header `Sec-WebSocket-Protocol`; `nil` for none.
    static func bytes(key: String, subprotocol: String?, allocator: ByteBufferAllocator) -> ByteBuffer {
        var hash = Insecure.SHA1()
        var text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        text.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        var buffer = allocator.buffer(capacity: 192)
        buffer.writeStaticString("HTTP/1.1 101 Switching Protocols\r\n")
        if let subprotocol {
            buffer.writeStaticString("Sec-WebSocket-Protocol: ")
            buffer.writeString(subprotocol)
            buffer.writeStaticString("\r\n")
        }
        buffer.writeStaticString("Upgrade: websocket\r\nSec-WebSocket-Accept: ")
        hash.finalize().withUnsafeBytes { buffer.writeBase64($0) }
        buffer.writeStaticString("\r\nConnection: upgrade\r\n\r\n")
        return buffer
    }
}

extension ByteBuffer {
    /// Writes bytes in Base64, with padding.
    fileprivate mutating func writeBase64(_ bytes: UnsafeRawBufferPointer) {
        let digits: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var group: UInt32 = 0
            for offset in 0..<3 { group = group << 8 | (offset < count ? UInt32(bytes[start + offset]) : 0) }
            var text: UInt32 = 0
            for digit in 0..<4 {
                let byte =
                    digit <= count
                    ? digits.utf8Start[Int(group >> (18 - 6 * UInt32(digit)) & 63)] : UInt8(ascii: "=")
                text = text << 8 | UInt32(byte)
            }
            writeInteger(text)
        }
    }
}
