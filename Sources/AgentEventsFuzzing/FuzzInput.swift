/// An input as a literal, in one argument of the program: `json:%7B"a":1}`. Printable characters stand for themselves, all other bytes
/// and `%`, `'` and `\` are written `%XX`.
package struct FuzzInput: Hashable, Sendable, CustomStringConvertible {
    package var subject: FuzzSubject
    package var bytes: [UInt8]

    package init(_ subject: FuzzSubject, _ bytes: [UInt8]) {
        self.subject = subject
        self.bytes = bytes
    }

    package var description: String {
        var text = Array("\(subject.rawValue):".utf8)
        for byte in bytes {
            if (0x20..<0x7F).contains(byte), !Self.escaped.contains(byte) {
                text.append(byte)
            } else {
                text += [UInt8(ascii: "%"), Self.digits[Int(byte >> 4)], Self.digits[Int(byte & 15)]]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// - Returns: `nil` for what is no literal.
    package init?(_ text: String) {
        let text = Array(text.utf8)
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")),
            let subject = FuzzSubject(rawValue: String(decoding: text[..<colon], as: UTF8.self))
        else { return nil }
        var bytes: [UInt8] = []
        var index = colon + 1
        while index < text.count {
            if text[index] != UInt8(ascii: "%") {
                bytes.append(text[index])
                index += 1
                continue
            }
            guard index + 2 < text.count, let high = Self.digits.firstIndex(of: text[index + 1]),
                let low = Self.digits.firstIndex(of: text[index + 2])
            else { return nil }
            bytes.append(UInt8(high << 4 | low))
            index += 3
        }
        self.init(subject, bytes)
    }

    private static let digits = Array("0123456789ABCDEF".utf8)
    private static let escaped = Array(#"%'\"#.utf8)
}
