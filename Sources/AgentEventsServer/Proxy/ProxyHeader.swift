/// The header of the PROXY protocol, version 1 or 2, with which a proxy begins a connection: it tells the address of the
/// client (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt).
package enum ProxyHeader: Hashable, Sendable {
    /// The connection is the proxy's own, such as a check of health, or the proxy does not know: the client is the peer.
    case local
    case client(ClientAddress)

    /// The result of reading the beginning of a connection.
    package enum Reading: Hashable, Sendable {
        /// It may become a header.
        case incomplete
        case whole(ProxyHeader, byteCount: Int)
        /// It does not.
        case invalid(String)
    }

    /// The largest header of version 1, and of version 2 with the addresses of unix sockets and what else proxies add.
    package static let maximumByteCounts = (text: 107, binary: 536)

    private static let textBeginning = Array("PROXY ".utf8)
    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    /// Reads the first bytes of a connection. What follows the header is not looked at.
    package static func read(_ bytes: ArraySlice<UInt8>) -> Reading {
        if bytes.prefix(signature.count) == signature.prefix(bytes.count) { return readBinary(bytes) }
        if bytes.prefix(textBeginning.count) == textBeginning.prefix(bytes.count) { return readText(bytes) }
        return .invalid("the connection does not begin with a header of the PROXY protocol")
    }

    // MARK: Version 1

    private static func readText(_ bytes: ArraySlice<UInt8>) -> Reading {
        let line = bytes.prefix(maximumByteCounts.text)
        guard let end = line.firstIndex(of: 0x0A) else {
            return line.count < maximumByteCounts.text
                ? .incomplete : .invalid("its line is longer than \(maximumByteCounts.text) bytes")
        }
        guard end > line.startIndex, line[end - 1] == 0x0D else { return .invalid("its line ends without CR") }
        let text = line[..<(end - 1)]
        guard text.allSatisfy({ (0x20..<0x7F).contains($0) }) else { return .invalid("its line is not of ASCII") }
        let words = text.split(separator: 0x20, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        let byteCount = end + 1 - line.startIndex
        // What follows is of no interest, whatever it is.
        if words[1] == "UNKNOWN" { return .whole(.local, byteCount: byteCount) }
        guard words.count == 6, words[1] == "TCP4" || words[1] == "TCP6" else {
            return .invalid("its line has not a protocol, two addresses and two ports")
        }
        let isIPv6 = words[1] == "TCP6"
        guard words[2].contains(":") == isIPv6, words[3].contains(":") == isIPv6, let source = ClientAddress(words[2]),
            ClientAddress(words[3]) != nil
        else { return .invalid("its addresses are not of the protocol that it names") }
        guard isPort(words[4]), isPort(words[5]) else { return .invalid("its ports are not numbers up to 65535") }
        return .whole(.client(source), byteCount: byteCount)
    }

    private static func isPort(_ text: String) -> Bool {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            text == "0" || !text.hasPrefix("0"), let port = Int(text)
        else { return false }
        return port <= 65535
    }

    // MARK: Version 2

    private static func readBinary(_ bytes: ArraySlice<UInt8>) -> Reading {
        let fixed = 16
        let start = bytes.startIndex
        // As early as possible: a sender that is wrong is not waited for.
        if bytes.count > 12, bytes[start + 12] >> 4 != 2 { return .invalid("its version is not 2") }
        if bytes.count > 12, bytes[start + 12] & 0xF > 1 { return .invalid("it is neither LOCAL nor PROXY") }
        guard bytes.count >= fixed else { return .incomplete }
        let length = Int(bytes[start + 14]) << 8 | Int(bytes[start + 15])
        guard fixed + length <= maximumByteCounts.binary else {
            return .invalid("it is longer than \(maximumByteCounts.binary) bytes")
        }
        guard bytes.count >= fixed + length else { return .incomplete }
        let isLocal = bytes[start + 12] & 0xF == 0
        if isLocal { return .whole(.local, byteCount: fixed + length) }
        let body = bytes[(start + fixed)..<(start + fixed + length)]
        switch bytes[start + 13] {
        case 0x00: return .whole(.local, byteCount: fixed + length)
        case 0x11:
            guard body.count >= 12 else { return .invalid("its addresses are cut off") }
            let address = body.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
            return .whole(.client(.ipv4(address)), byteCount: fixed + length)
        case 0x21:
            guard body.count >= 36 else { return .invalid("its addresses are cut off") }
            return .whole(.client(ClientAddress(ipv6: body.prefix(16))), byteCount: fixed + length)
        case 0x31:
            guard body.count >= 216 else { return .invalid("its addresses are cut off") }
            return .whole(.client(.unix), byteCount: fixed + length)
        default:
            return .invalid("it is not of a connection over TCP or a unix socket")
        }
    }
}
