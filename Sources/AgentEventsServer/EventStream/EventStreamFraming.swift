package import AgentEventsHub
import AgentEventsProtocol
import NIOCore

extension StreamFraming {
    /// Server-sent events (the HTML standard): each message is one, without a name, so that a page gets all of them as messages.
    /// Those that are in the log have their cursor as `id`; with what else is said, the cursor of the page stays as it is.
    ///
    /// No message has an end of line, for the JSON of this package has none between its members.
    package static let serverSentEvents = StreamFraming(
        serverSentEventsName, maximumOverheadByteCount: 56,
        prefix: { message, buffer in
            if let event = message.event { buffer.writeString("id: \(event)\n") }
            buffer.writeStaticString("data: ")
        }, suffix: { _, buffer in buffer.writeStaticString("\n\n") })
}

/// The pieces of a stream of server-sent events that are no messages: a page does not get to see them. Each is a line, without
/// the empty line that ends a message: many readers outside of browsers would make an empty message of that.
enum EventStreamBytes {
    /// A line that says nothing: it keeps those on the way awake.
    static let ping = ByteBuffer(string: ":\n")

    /// The first bytes of each stream, which bring the head of the answer through.
    static let beginning = ByteBuffer(string: ": \(StreamProtocol.subprotocol)\n")

    /// The time after which the page comes back. A second stands before what is spread: browsers know no backoff, and would
    /// knock a hundred times a second at a service that is starting.
    static func comeBack(afterMilliseconds milliseconds: Int64) -> ByteBuffer {
        ByteBuffer(string: "retry: \(milliseconds.addingReportingOverflow(1000).partialValue)\n")
    }

    /// The reason of the end, for people: there is no other place for it.
    static func end(_ code: StreamCloseCode, reason: String) -> ByteBuffer {
        let line = reason.unicodeScalars.prefix(200).map { $0 == "\n" || $0 == "\r" ? " " : Character($0) }
        return ByteBuffer(string: ": \(code) \(String(line))\n")
    }
}
