import AgentEvents
import AgentEventsProtocol
import NIOCore

/// The state of a thread as clients get it: one message, or several parts when one would be larger than
/// ``ServerMessage/maximumByteCount``. Made once, for all who get the state as of the same event.
final class SnapshotMessages: Sendable {
    /// The event that the state is as of; `nil` when there is none.
    let cursor: Cursor?
    /// The frames of the messages, in order; at least one.
    let frames: [ByteBuffer]

    init(_ state: ThreadState, of thread: ThreadID, framing: StreamFraming) {
        cursor = state.cursor
        frames = Self.messages(state, of: thread).map(framing.frame)
    }

    /// - Parameter maximumByteCount: the largest message; at least 1024.
    static func messages(
        _ state: ThreadState,
        of thread: ThreadID,
        maximumByteCount: Int = ServerMessage.maximumByteCount
    ) -> [[UInt8]] {
        let json = state.json
        let whole = ServerMessage.snapshot(thread, cursor: state.cursor, state: json).encoded()
        guard whole.count > maximumByteCount else { return [whole] }
        // What a part has besides the text: fixed words, two counts, the thread and the cursor.
        let room = maximumByteCount - 512 - thread.rawValue.utf8.count
        let parts = JSONTextParts.cut(json.encoded(), escapedByteCount: room)
        return parts.enumerated().map { index, text in
            ServerMessage.snapshotPart(
                thread, cursor: state.cursor, part: index + 1, of: parts.count,
                text: String(decoding: text, as: UTF8.self)
            ).encoded()
        }
    }
}

/// Cuts a JSON text into pieces that become strings in other JSON texts.
enum JSONTextParts {
    /// - Parameters:
    ///   - text: JSON in UTF-8, as it is written here: it has no control characters.
    ///   - limit: the most bytes of a piece as the inside of a string, where `"` and `\` take two; at least 8.
    /// - Returns: the pieces in order, each with at least one character; cut between characters.
    static func cut(_ text: [UInt8], escapedByteCount limit: Int) -> [ArraySlice<UInt8>] {
        var parts: [ArraySlice<UInt8>] = []
        var start = 0
        var position = 0
        var byteCount = 0
        while position < text.count {
            let length = sequenceLength(text[position])
            let escaped = text[position] == UInt8(ascii: "\"") || text[position] == UInt8(ascii: "\\") ? 2 : length
            if byteCount + escaped > limit {
                parts.append(text[start..<position])
                start = position
                byteCount = 0
            }
            byteCount += escaped
            position += length
        }
        if start < text.count { parts.append(text[start...]) }
        return parts
    }

    /// The number of bytes of a character that begins with this byte.
    private static func sequenceLength(_ first: UInt8) -> Int {
        switch first {
        case ..<0xC0: 1
        case ..<0xE0: 2
        case ..<0xF0: 3
        default: 4
        }
    }
}
