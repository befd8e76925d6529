package import AgentEvents
package import AgentEventsProtocol

/// Reads the events in the body of an HTTP request, all or none.
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
        let bytes = text.startIndex == 0 ? bytes : Array(text)
        switch format {
        case .object:
            return try decodeObject(bytes, thread: thread)
        case .lines:
            return try decodeLines(bytes, thread: thread)
        case .byContent:
            // The first line of several objects is an object of its own, that of one object over several lines is not.
            let lines = Self.lines(of: bytes)
            guard lines.count > 1, let first = lines.first, Self.isJSON(first.bytes) else {
                return try decodeObject(bytes, thread: thread)
            }
            return try decodeLines(bytes, thread: thread)
        }
    }

    private func decodeObject(_ bytes: [UInt8], thread: ThreadID) throws(ProtocolError) -> [EventDraft] {
        guard bytes.contains(where: { !Self.isSpace($0) }) else {
            throw ProtocolError(.emptyBatch, "the body is empty: send one event, or one on each line")
        }
        var batch = DraftBatch(maximumCount: 1, root: .document, thread: thread)
        try batch.append(try Self.parse(bytes))
        return batch.drafts
    }

    private static func parse(_ bytes: [UInt8]) throws(ProtocolError) -> JSONValue {
        do throws(WireError) {
            return try JSONValue(parsing: bytes)
        } catch {
            throw ProtocolError(error, index: 0)
        }
    }

    private func decodeLines(_ bytes: [UInt8], thread: ThreadID) throws(ProtocolError) -> [EventDraft] {
        let lines = Self.lines(of: bytes)
        var batch = DraftBatch(maximumCount: maximumCount, root: .document, thread: thread)
        try batch.checkCount(lines.count)
        for (index, line) in lines.enumerated() {
            do throws(ProtocolError) {
                try batch.append(try Self.parse(Array(line.bytes)))
            } catch {
                var failure = error
                failure.index = index
                failure.message = "line \(line.number): \(failure.message)"
                throw failure
            }
        }
        return batch.drafts
    }

    private struct Line {
        /// From 1, blank lines counted.
        var number: Int
        var bytes: ArraySlice<UInt8>
    }

    /// The lines that are not blank.
    private static func lines(of bytes: [UInt8]) -> [Line] {
        bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
            .map { Line(number: $0.offset + 1, bytes: $0.element) }
            .filter { !$0.bytes.allSatisfy(isSpace) }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
            || byte == UInt8(ascii: "\n")
    }

    private static func isJSON(_ bytes: ArraySlice<UInt8>) -> Bool {
        do throws(WireError) {
            _ = try JSONValue(parsing: Array(bytes))
            return true
        } catch {
            return false
        }
    }
}
