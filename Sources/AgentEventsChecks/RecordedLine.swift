package import AgentEvents

/// One line of a recording: of the events of a thread alone, or of everything that a WebSocket carried, as recorders write
/// it.
///
/// Besides one message a line it takes a line that a terminal client wrote (`< {…}` received, `> {…}` sent, and what it says
/// of the connection), and a message as a text or an object inside of another object or array, as in
/// `{"direction":"received","data":"{…}"}`.
package enum RecordedLine: Sendable {
    /// Nothing to check.
    case blank
    /// A value that should be an event, committed or a draft.
    case event(JSONValue, bytes: [UInt8])
    /// Another message of the stream, or a note on the connection.
    case message(Message)

    package enum Message: Hashable, Sendable {
        /// A subscription begins after this event, or with the first one.
        case subscribed(ThreadID, after: EventID?)
        /// The events received of a thread are void.
        case reset(ThreadID)
        case other
    }

    /// - Throws: ``WireError`` when it, or the message in it, is not JSON.
    package init(_ bytes: [UInt8]) throws(WireError) {
        var line = bytes[...]
        Self.skipTerminal(&line)
        if let first = line.first, first == UInt8(ascii: "<") || first == UInt8(ascii: ">") {
            line = line.dropFirst()
            Self.skipTerminal(&line)
        }
        guard !line.isEmpty else {
            self = .blank
            return
        }
        guard !Self.remarks.contains(where: { line.starts(with: $0.utf8) }) else {
            self = .message(.other)
            return
        }
        // Where nothing was in front of it, faults are told by their place in the whole line.
        let text = line.startIndex == 0 ? bytes : Array(line)
        try self.init(JSONValue(parsing: text), bytes: text)
    }

    private static let remarks = ["Connected", "Disconnected", "Connection closed"]

    /// Skips spaces, and what moves the cursor of a terminal.
    private static func skipTerminal(_ line: inout ArraySlice<UInt8>) {
        while let first = line.first {
            switch first {
            case ASCII.space, ASCII.tab, ASCII.carriageReturn:
                line = line.dropFirst()
            case 0x1B where line.dropFirst().first == ASCII.openBracket:
                // Up to the letter that ends the sequence.
                let letter = line.dropFirst(2).firstIndex { (0x40...0x7E).contains($0) }
                line = letter.map { line[($0 + 1)...] } ?? []
            case 0x1B:
                line = line.dropFirst(2)
            default:
                return
            }
        }
    }

    private init(_ value: JSONValue, bytes: [UInt8]) throws(WireError) {
        if let message = Self.message(value) {
            self = .message(message)
        } else if Self.isEvent(value) {
            self = .event(value, bytes: bytes)
        } else if let wrapped = try Self.wrapped(value) {
            self = wrapped
        } else {
            self = .event(value, bytes: bytes)
        }
    }

    /// The message of a stream, by its `op`, if it is not an event.
    private static func message(_ value: JSONValue) -> Message? {
        guard value["type"]?.stringValue == nil, let name = value["op"]?.stringValue else { return nil }
        guard let thread = value["thread_id"]?.stringValue.flatMap({ try? ThreadID($0) }) else { return .other }
        switch name {
        case "subscribed":
            return .subscribed(thread, after: value["after"]?.stringValue.flatMap { EventID($0) })
        case "reset":
            return .reset(thread)
        default:
            return .other
        }
    }

    private static func isEvent(_ value: JSONValue) -> Bool {
        guard let name = value["type"]?.stringValue, !directions.contains(name) else { return false }
        return value["data"]?.objectValue != nil || value["id"] != nil || value["seq"] != nil
    }

    // MARK: Messages inside others

    private static let directions = [
        "receive", "received", "recv", "in", "incoming", "send", "sent", "out", "outgoing",
    ]
    private static let marks = [
        "open", "opened", "close", "closed", "connect", "connected", "disconnect", "disconnected", "error", "ping",
        "pong",
    ]
    private static let contentNames = [
        "data", "message", "msg", "payload", "text", "raw", "frame", "event", "content", "body",
    ]

    /// The message inside the note that a recorder made of it; `nil` when there is none.
    private static func wrapped(_ value: JSONValue) throws(WireError) -> RecordedLine? {
        if let elements = value.arrayValue {
            for element in elements.reversed() {
                if let line = try content(element, isCertain: false) { return line }
            }
            return nil
        }
        guard value.objectValue != nil else { return nil }
        let hasDirection =
            value["direction"] != nil || value["dir"] != nil
            || value["type"]?.stringValue.map(directions.contains) ?? false
        for name in contentNames {
            if let member = value[name], let line = try content(member, isCertain: hasDirection) { return line }
        }
        let mark = (value["type"] ?? value["event"] ?? value["kind"])?.stringValue
        return hasDirection || mark.map(marks.contains) ?? false ? .message(.other) : nil
    }

    /// - Parameter isCertain: whether the value is known to be the content of a frame.
    private static func content(_ value: JSONValue, isCertain: Bool) throws(WireError) -> RecordedLine? {
        if let text = value.stringValue {
            let bytes = Array(text.utf8)
            guard bytes.first == ASCII.openBrace else { return nil }
            do throws(WireError) {
                let inner = try JSONValue(parsing: bytes)
                if let message = message(inner) { return .message(message) }
                return isCertain || isEvent(inner) ? .event(inner, bytes: bytes) : nil
            } catch {
                if isCertain { throw error }
                return nil
            }
        }
        guard value.objectValue != nil else { return nil }
        if let message = message(value) { return .message(message) }
        return isEvent(value) ? .event(value, bytes: value.encoded()) : nil
    }
}
