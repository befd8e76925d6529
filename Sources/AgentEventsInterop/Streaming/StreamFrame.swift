import AgentEvents
import AgentEventsProtocol
import NIOCore

/// One message of a translated stream: a JSON object in a frame of server-sent events.
struct StreamFrame: Hashable, Sendable {
    var json: JSONObject
    /// The cursor after everything that was told up to here; `nil` between the frames of one event.
    var cursor: Cursor?

    init(_ json: JSONObject, cursor: Cursor? = nil) {
        self.json = json
        self.cursor = cursor
    }

    /// Appends the frame: an `id` line with the cursor, and one `data` line. JSON has no end of line between its members.
    func write(to buffer: inout ByteBuffer) {
        if let cursor { buffer.writeString("id: \(cursor)\n") }
        buffer.writeStaticString("data: ")
        buffer.writeBytes(JSONValue.object(json).encoded())
        buffer.writeStaticString("\n\n")
    }
}
