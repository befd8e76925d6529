package import AgentEvents
package import NIOCore

/// A rule of a protocol that a frame breaks.
package struct FrameFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The rule, in words.
    package let rule: String
    /// The way in which the frame breaks it.
    package let description: String

    init(_ rule: String, _ description: String) {
        self.rule = rule
        self.description = description
    }
}

/// Checks the frames of one stream, in their order, by the rules of the clients that take it.
package protocol FrameVerifier: Sendable {
    /// The rules that are checked, in words.
    var rules: [String] { get }

    /// - Parameters:
    ///   - frame: the bytes of one frame.
    ///   - event: the event that the frame stands for; `nil` for none.
    mutating func check(_ frame: ByteBuffer, of event: EventID?) throws(FrameFault)
}

/// One message of server-sent events, by the strictest of the readers that clients have: a line ends with a line feed, and a
/// message is one line of data.
struct SentMessage {
    static let rule = "a frame is an id line and a data line, no carriage return, and an empty line at its end"

    let id: String?
    let data: String

    init(_ frame: ByteBuffer) throws(FrameFault) {
        guard let text = String(validating: frame.readableBytesView, as: UTF8.self) else {
            throw FrameFault(Self.rule, "the frame is no text in UTF-8")
        }
        guard !text.unicodeScalars.contains("\r") else { throw FrameFault(Self.rule, "there is a carriage return") }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.popLast() == "", lines.popLast() == "" else {
            throw FrameFault(Self.rule, "the frame does not end with an empty line")
        }
        var id: String?
        var data: String?
        for line in lines {
            if line.hasPrefix("id: "), id == nil {
                id = String(line.dropFirst(4))
            } else if line.hasPrefix("data: "), data == nil {
                data = String(line.dropFirst(6))
            } else {
                throw FrameFault(Self.rule, "the line \(line.prefix(40)) is not one of these, or comes twice")
            }
        }
        guard let data else { throw FrameFault(Self.rule, "there is no data") }
        self.id = id
        self.data = data
    }

    /// The data as a JSON object.
    func object() throws(FrameFault) -> JSONObject {
        guard let object = (try? JSONValue(parsing: Array(data.utf8)))?.objectValue else {
            throw FrameFault(Self.rule, "the data is no JSON object")
        }
        return object
    }
}
