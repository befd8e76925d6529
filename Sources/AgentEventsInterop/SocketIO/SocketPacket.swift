package import AgentEvents
import AgentEventsProtocol
package import NIOCore

/// A packet of Socket.IO, version 5 of the protocol, with its attachments.
package struct SocketPacket: Hashable, Sendable {
    package enum Kind: UInt8, Hashable, Sendable {
        case connect = 0
        case disconnect = 1
        case event = 2
        case ack = 3
        case connectError = 4
        case binaryEvent = 5
        case binaryAck = 6
    }

    package var kind: Kind
    package var namespace: String
    package var id: UInt64?
    /// `nil` for none.
    package var payload: JSONValue?
    package var attachments: [ByteBuffer]

    package init(
        _ kind: Kind,
        _ namespace: String = "/",
        id: UInt64? = nil,
        _ payload: JSONValue? = nil,
        attachments: [ByteBuffer] = []
    ) {
        self.kind = kind
        self.namespace = namespace
        self.id = id
        self.payload = payload
        self.attachments = attachments
    }

    /// The text of the packet, without the digit of Engine.IO.
    package var text: ByteBuffer {
        var buffer = Self.head(kind, namespace, id: id, attachmentCount: attachments.count)
        if let payload { buffer.writeBytes(payload.encoded()) }
        return buffer
    }

    /// The answer to a client that may have its namespace.
    ///
    /// - Parameter pid: by which the client recovers; `nil` for none.
    static func connected(_ namespace: String, sid: String, pid: String?) -> SocketPacket {
        let members = [("sid", JSONValue.string(sid))] + (pid.map { [("pid", JSONValue.string($0))] } ?? [])
        return SocketPacket(.connect, namespace, .object(JSONObject(members)))
    }

    /// The text of an event whose arguments are JSON already.
    static func event(_ namespace: String, name: StaticString, _ json: some Collection<UInt8>, cursor: Cursor?)
        -> ByteBuffer
    {
        var buffer = head(.event, namespace)
        buffer.writeStaticString("[\"")
        buffer.writeStaticString(name)
        buffer.writeStaticString("\",")
        buffer.writeBytes(json)
        if let cursor { buffer.writeString(",\"\(cursor)\"") }
        buffer.writeStaticString("]")
        return buffer
    }

    private static func head(
        _ kind: Kind,
        _ namespace: String,
        id: UInt64? = nil,
        attachmentCount: Int = 0
    ) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt8(ascii: "0") + kind.rawValue)
        if kind == .binaryEvent || kind == .binaryAck { buffer.writeString("\(attachmentCount)-") }
        if namespace != "/" { buffer.writeString("\(namespace),") }
        if let id { buffer.writeString("\(id)") }
        return buffer
    }
}

/// Reads the packets of Socket.IO from the messages of Engine.IO: a text, and the binary messages that belong to it.
///
///     idle ── text that announces attachments ──> gathering ── the last of them ──> idle
package struct SocketPacketDecoder: Sendable {
    /// The largest number of attachments of a packet.
    package static let maximumAttachmentCount = 10
    package static let maximumNamespaceByteCount = 800
    private static let reservedEvents: Set<String> = [
        "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
    ]

    /// The rule that a client broke.
    package struct Violation: Error, Hashable, Sendable {
        package var message: String
    }

    private var gathering: (packet: SocketPacket, count: Int)?

    package init() {}

    /// - Returns: `nil` while attachments are due.
    package mutating func receive(text: ByteBuffer) throws(Violation) -> SocketPacket? {
        guard gathering == nil else { throw Violation(message: "a text came where an attachment was due") }
        let (packet, count) = try Self.read(Array(text.readableBytesView))
        guard count > 0 else { return packet }
        gathering = (packet, count)
        return nil
    }

    package mutating func receive(binary: ByteBuffer) throws(Violation) -> SocketPacket? {
        guard var gathered = gathering else { throw Violation(message: "no attachment was announced") }
        gathered.packet.attachments.append(binary)
        guard gathered.packet.attachments.count == gathered.count else {
            gathering = gathered
            return nil
        }
        gathering = nil
        return gathered.packet
    }

    private static func read(_ bytes: [UInt8]) throws(Violation) -> (SocketPacket, attachmentCount: Int) {
        var rest = bytes[...]
        guard let digit = rest.popFirst(), digit >= UInt8(ascii: "0"),
            let kind = SocketPacket.Kind(rawValue: digit - UInt8(ascii: "0"))
        else { throw Violation(message: "the type of the packet is unknown") }
        var count = 0
        if kind == .binaryEvent || kind == .binaryAck {
            guard let number = takeNumber(&rest), rest.popFirst() == UInt8(ascii: "-"),
                number <= UInt64(maximumAttachmentCount)
            else {
                throw Violation(message: "a binary packet announces at most \(maximumAttachmentCount) attachments")
            }
            count = Int(number)
        }
        var packet = SocketPacket(kind)
        if rest.first == UInt8(ascii: "/") {
            let name = rest.prefix { $0 != UInt8(ascii: ",") }
            guard name.count <= maximumNamespaceByteCount else {
                throw Violation(message: "a namespace has at most \(maximumNamespaceByteCount) bytes")
            }
            rest = rest.dropFirst(name.count + 1)
            packet.namespace = String(decoding: name, as: UTF8.self)
        }
        if let first = rest.first, isDigit(first) {
            guard let id = takeNumber(&rest) else { throw Violation(message: "the id of the packet is too large") }
            packet.id = id
        }
        if !rest.isEmpty {
            do throws(WireError) {
                packet.payload = try JSONValue(parsing: Array(rest))
            } catch {
                throw Violation(message: "the payload is no JSON: \(error.problem)")
            }
        }
        try check(packet, attachmentCount: count)
        return (packet, count)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// - Returns: `nil` where no number stands, or one of more than 15 digits.
    private static func takeNumber(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        let digits = rest.prefix(while: isDigit)
        guard (1...15).contains(digits.count) else { return nil }
        rest = rest.dropFirst(digits.count)
        return digits.reduce(0) { $0 * 10 + UInt64($1 - UInt8(ascii: "0")) }
    }

    private static func check(_ packet: SocketPacket, attachmentCount: Int) throws(Violation) {
        let isFitting =
            switch packet.kind {
            case .connect: packet.payload == nil || packet.payload?.objectValue != nil
            case .disconnect: packet.payload == nil
            case .connectError: packet.payload?.stringValue != nil || packet.payload?.objectValue != nil
            case .event, .binaryEvent:
                packet.payload?.arrayValue?.first?.stringValue.map { !reservedEvents.contains($0) } ?? false
            case .ack, .binaryAck: packet.payload?.arrayValue != nil && packet.id != nil
            }
        guard isFitting else { throw Violation(message: "the payload does not fit the type of the packet") }
        guard attachmentCount > 0, let payload = packet.payload else { return }
        guard arePlaceholdersKnown(in: payload, count: attachmentCount) else {
            throw Violation(message: "a placeholder names an attachment that there is not")
        }
    }

    private static func arePlaceholdersKnown(in value: JSONValue, count: Int) -> Bool {
        switch value {
        case .array(let elements): return elements.allSatisfy { arePlaceholdersKnown(in: $0, count: count) }
        case .object(let object):
            if object["_placeholder"]?.boolValue == true {
                guard let number = object["num"]?.integerValue else { return false }
                return (0..<Int64(count)).contains(number)
            }
            return object.allSatisfy { arePlaceholdersKnown(in: $0.value, count: count) }
        case .null, .bool, .number, .string, .unpairedString: return true
        @unknown default: return true
        }
    }
}
