package import AgentEvents
package import AgentEventsProtocol

/// Reads the events in the body of an HTTP request, all or none, line by line: nothing is copied, and no line is read
/// twice.
package struct IngestBody: Sendable {
    private let format: IngestFormat
    private let maximumCount: Int

    package init(format: IngestFormat, maximumCount: Int) {
        self.format = format
        self.maximumCount = maximumCount
    }

    /// - Throws: ``ProtocolError``; for a fault in one of several lines the message begins with the line's number, and
    ///   offsets and paths count from the begin of the line.
    package func decode(_ bytes: [UInt8], thread: ThreadID) throws(ProtocolError) -> [EventDraft] {
        // What some shells put in front of a file that is then sent.
        let text = ByteOrderMark.dropped(from: bytes[...])
        guard format != .lines else { return try decodeLines(of: text, thread: thread) }
        guard text.contains(where: { !TextLines.isSpace($0) }) else {
            throw ProtocolError(.emptyBatch, "the body is empty: send one event, or one on each line")
        }
        let first: (value: JSONValue, isWhole: Bool)
        do throws(WireError) {
            // The first line of several objects is an object of its own, that of one object over several lines is not.
            first = format == .object ? (try JSONValue(parsing: text), true) : try JSONValue.first(in: text)
        } catch {
            throw ProtocolError(error, index: 0)
        }
        guard first.isWhole else { return try decodeLines(of: text, first: first.value, thread: thread) }
        var batch = DraftBatch(maximumCount: 1, root: .document, thread: thread)
        try batch.append(first.value)
        return batch.drafts
    }

    /// - Parameter first: the value of the first line, when it was read.
    private func decodeLines(
        of text: ArraySlice<UInt8>,
        first: JSONValue? = nil,
        thread: ThreadID
    ) throws(ProtocolError) -> [EventDraft] {
        var lines = TextLines(text)
        var batch = DraftBatch(maximumCount: maximumCount, root: .document, thread: thread)
        try batch.checkCount(lines.count(upTo: maximumCount + 1))
        var first = first
        while let line = lines.next() {
            do throws(ProtocolError) {
                if let value = first.take() {
                    try batch.append(value)
                } else {
                    try batch.append(try value(of: line, index: batch.drafts.count))
                }
            } catch {
                var failure = error
                failure.message = "line \(line.number): \(failure.message)"
                throw failure
            }
        }
        return batch.drafts
    }

    private func value(of line: TextLines.Line, index: Int) throws(ProtocolError) -> JSONValue {
        do throws(WireError) {
            return try JSONValue(parsing: line.bytes)
        } catch {
            throw ProtocolError(error, index: index)
        }
    }
}

/// The lines of a text that are not blank, one after the other.
package struct TextLines: Sendable {
    package struct Line: Sendable {
        /// From 1, blank lines counted.
        package var number: Int
        package var bytes: ArraySlice<UInt8>
    }

    /// The bytes after the last line that was taken, and the number of the line that they begin with.
    private var rest: ArraySlice<UInt8>
    private var number = 1

    package init(_ text: ArraySlice<UInt8>) { rest = text }

    package mutating func next() -> Line? {
        var start = rest.startIndex
        var position = start
        while true {
            guard position < rest.endIndex else {
                rest = rest[rest.endIndex...]
                return nil
            }
            guard Self.isSpace(rest[position]) else { break }
            if rest[position] == UInt8(ascii: "\n") {
                number += 1
                start = position + 1
            }
            position += 1
        }
        let end = rest[position...].firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
        defer {
            rest = rest[min(end + 1, rest.endIndex)...]
            number += 1
        }
        return Line(number: number, bytes: rest[start..<end])
    }

    /// The number of lines that are left, as far as a maximum.
    package func count(upTo maximum: Int) -> Int {
        var lines = self
        var count = 0
        while count < maximum, lines.next() != nil { count += 1 }
        return count
    }

    static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
            || byte == UInt8(ascii: "\n")
    }
}
