/// An event of a stream of server-sent events.
package struct ServerSentEvent: Hashable, Sendable {
    /// The type, `message` when the event names none.
    package var name: String
    /// The lines of data, joined by line feeds; not decoded.
    package var data: [UInt8]

    package init(name: String = "message", data: [UInt8]) {
        self.name = name
        self.data = data
    }
}

/// Reads server-sent events as the HTML standard has them (section 9.2.6), from bytes that are cut anywhere.
///
/// Lines end with CRLF, LF or CR. Comments, ids and times to reconnect after are read over: nobody reconnects here. An event that no
/// empty line ends is none.
///
///     start ── a line ─► fields ── a line ─► fields ── an empty line: an event, if there was data ─► fields
///       a byte order mark is part of no line
package struct ServerSentEventParser: Sendable {
    /// An event, or a line, is larger than it may be. Nothing is read after it.
    package struct TooLarge: Error, Hashable {
        /// The most bytes of an event.
        package var limit: Int
    }

    /// The most bytes of an event with the names of its fields: 1 MiB.
    package static let defaultLimit = 1 << 20

    private let limit: Int
    /// The line that is not whole yet.
    private var line: [UInt8] = []
    private var name: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var isFirstLine = true
    /// Whether the line before was ended by CR, so that an LF that follows belongs to its end.
    private var followsCarriageReturn = false

    package init(limit: Int = Self.defaultLimit) { self.limit = limit }

    /// Reads up to the end of the next event.
    ///
    /// - Parameter bytes: what has come; what was read is taken from its beginning.
    /// - Returns: the event; `nil` when all bytes were read and it is not whole.
    package mutating func next<Bytes: Collection<UInt8>>(
        in bytes: inout Bytes
    ) throws(TooLarge) -> ServerSentEvent? where Bytes.SubSequence == Bytes {
        while let first = bytes.first {
            if followsCarriageReturn {
                followsCarriageReturn = false
                if first == Self.lineFeed {
                    bytes = bytes.dropFirst()
                    continue
                }
            }
            let end = bytes.firstIndex { $0 == Self.lineFeed || $0 == Self.carriageReturn } ?? bytes.endIndex
            let part = bytes[..<end]
            guard line.count + data.count + name.count + part.count <= limit else { throw TooLarge(limit: limit) }
            line += part
            guard end < bytes.endIndex else {
                bytes = bytes[end...]
                return nil
            }
            followsCarriageReturn = bytes[end] == Self.carriageReturn
            bytes = bytes[bytes.index(after: end)...]
            if let event = endLine() { return event }
        }
        return nil
    }

    private mutating func endLine() -> ServerSentEvent? {
        defer { line.removeAll(keepingCapacity: true) }
        var text = line[...]
        if isFirstLine, text.starts(with: Self.byteOrderMark) { text = text.dropFirst(Self.byteOrderMark.count) }
        isFirstLine = false
        guard !text.isEmpty else { return endEvent() }
        let field = text.prefix { $0 != Self.colon }
        var value = text.dropFirst(field.count + 1)
        if value.first == Self.space { value = value.dropFirst() }
        if field.elementsEqual("data".utf8) {
            if hasData { data.append(Self.lineFeed) }
            hasData = true
            data += value
        } else if field.elementsEqual("event".utf8) {
            name = Array(value)
        }
        return nil
    }

    private mutating func endEvent() -> ServerSentEvent? {
        defer {
            name = []
            data = []
            hasData = false
        }
        guard hasData else { return nil }
        return ServerSentEvent(name: name.isEmpty ? "message" : String(decoding: name, as: UTF8.self), data: data)
    }

    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")
    private static let colon = UInt8(ascii: ":")
    private static let space = UInt8(ascii: " ")
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
}
