/// The bytes that JSON's grammar names.
package enum ASCII {
    package static var tab: UInt8 { 0x09 }
    package static var lineFeed: UInt8 { 0x0A }
    package static var carriageReturn: UInt8 { 0x0D }
    package static var space: UInt8 { 0x20 }
    package static var quote: UInt8 { 0x22 }
    package static var plus: UInt8 { 0x2B }
    package static var comma: UInt8 { 0x2C }
    package static var minus: UInt8 { 0x2D }
    package static var point: UInt8 { 0x2E }
    package static var slash: UInt8 { 0x2F }
    package static var zero: UInt8 { 0x30 }
    package static var nine: UInt8 { 0x39 }
    package static var colon: UInt8 { 0x3A }
    package static var openBracket: UInt8 { 0x5B }
    package static var backslash: UInt8 { 0x5C }
    package static var closeBracket: UInt8 { 0x5D }
    package static var openBrace: UInt8 { 0x7B }
    package static var closeBrace: UInt8 { 0x7D }
}

/// The mark that some editors and shells put at the beginning of a file.
package enum ByteOrderMark {
    private static let utf8: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// The text without the mark of UTF-8.
    package static func dropped(from text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        text.starts(with: utf8) ? text.dropFirst(utf8.count) : text
    }

    /// The encoding that the first bytes of a text show, when it is not UTF-8: `UTF-16`, `UTF-32`.
    package static func foreignEncoding(of text: some Collection<UInt8>) -> String? {
        let start = Array(text.prefix(4))
        if start == [0xFF, 0xFE, 0, 0] || start == [0, 0, 0xFE, 0xFF] { return "UTF-32" }
        if start.starts(with: [0xFF, 0xFE]) || start.starts(with: [0xFE, 0xFF]) { return "UTF-16" }
        // JSON begins with ASCII, and no text has a zero.
        guard start.count >= 2, start.prefix(2).contains(0) else { return nil }
        return start.count == 4 && start.count(where: { $0 == 0 }) > 2 ? "UTF-32" : "UTF-16"
    }
}
