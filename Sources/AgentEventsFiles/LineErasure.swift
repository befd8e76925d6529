import AgentEvents

/// Takes the lines of a thread out of a file of lines: they become blank lines of the same length, in place, so that all others
/// stay where they are, and who follows the file misses nothing.
///
///     line ── all after the id of the thread becomes spaces; flushed ──> rest ── the rest, too; flushed ──> blank
///
/// What tells whose line it is goes last: after a crash at any place the same erasure finds what is left of a line. A part of such
/// a rest may be gone already; then it is no JSON, and ends with a space, as no line does that was written whole.
struct LineErasure {
    private static let space = UInt8(ascii: " ")

    /// The member of the event that names its thread, as the log writes it.
    private let mark: [UInt8]
    /// Whether a line, read as JSON, is of the thread.
    private let isOfThread: (JSONValue) -> Bool

    /// - Parameter event: the event in a line.
    init(of thread: ThreadID, event: @escaping (JSONValue) -> JSONValue?) {
        mark = Array("\"thread_id\":\"\(thread)\"".utf8)
        isOfThread = { event($0)?["thread_id"]?.stringValue == thread.rawValue }
    }

    /// Returns when the lines are gone from the disk.
    func erase(from file: borrowing LineFile) throws(SinkError) {
        var found = false
        try file.forEachLine { (line, offset) throws(SinkError) in
            guard let end = self.end(ofMarkIn: line) else { return }
            found = true
            try file.blank(from: offset + end, to: offset + line.count)
        }
        guard found else { return }
        try file.synchronize()
        try file.forEachLine { (line, offset) throws(SinkError) in
            guard self.end(ofMarkIn: line) != nil else { return }
            try file.blank(from: offset, to: offset + line.count)
        }
        try file.synchronize()
    }

    /// The place after what tells that a line is the thread's; `nil` when it is not, or is blank.
    private func end(ofMarkIn line: [UInt8]) -> Int? {
        let isTorn = line.last == Self.space
        let place = line.firstRange(of: mark)
        guard isTorn || place != nil else { return nil }
        guard let value = try? JSONValue(parsing: line) else {
            if let place { return place.upperBound }
            return isTorn && line.contains { $0 != Self.space } ? 0 : nil
        }
        // The first one is the event's own: its data come later, and in texts the quotation marks are escaped.
        return isOfThread(value) ? place?.upperBound ?? 0 : nil
    }
}
