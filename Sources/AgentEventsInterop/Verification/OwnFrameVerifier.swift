import AgentEvents
import NIOCore

/// The rules by which a client takes the events of this package, in each form: exactly the frames of its transport, and exactly
/// the events that they stand for.
struct OwnFrameVerifier: FrameVerifier {
    private enum Rule: String {
        case message = "a message is one unmasked text frame, with its length in the shortest form"
        case json = "each message is one JSON object"
        case thread = "each message is of the thread"
        case event = "an event stands under its own id, whole"
        case dense = "the numbers of the events rise by one"
        case id = "the id line is the event's cursor, and stands at nothing else"
        case packet = "each message is a packet of Socket.IO, in the namespace of the thread"
        case offset = "the last argument of an event is its cursor"
    }

    private let form: OwnFrames.Form
    private let namespace: String
    private let thread: ThreadID
    private var last: UInt64?

    init(_ form: OwnFrames.Form, namespace: String, thread: ThreadID) {
        self.form = form
        self.namespace = namespace
        self.thread = thread
    }

    var rules: [String] {
        let common: [Rule] = [.json, .thread, .event, .dense]
        switch form {
        case .webSocket: return ([.message] + common).map(\.rawValue)
        case .serverSentEvents: return [SentMessage.rule] + (common + [.id]).map(\.rawValue)
        case .socketIO: return ([.packet] + common + [.offset]).map(\.rawValue)
        }
    }

    private func fault(_ rule: Rule, _ description: String) -> FrameFault { FrameFault(rule.rawValue, description) }

    mutating func check(_ frame: ByteBuffer, of event: EventID?) throws(FrameFault) {
        switch form {
        case .webSocket:
            let head = WebSocketHead(frame)
            guard let count = head.payloadByteCount, count == UInt64(frame.readableBytes - head.byteCount) else {
                throw fault(.message, "the head of the frame does not fit it")
            }
            try check(json: Array(frame.readableBytesView.dropFirst(head.byteCount)), event)
        case .serverSentEvents:
            let message = try SentMessage(frame)
            guard message.id == event.map({ "\($0)" }) else {
                throw fault(.id, "the id line is \(message.id ?? "not there")")
            }
            try check(json: Array(message.data.utf8), event)
        case .socketIO:
            try check(packet: frame, event)
        }
    }

    private mutating func check(packet frame: ByteBuffer, _ event: EventID?) throws(FrameFault) {
        var decoder = SocketPacketDecoder()
        guard case .message(let text) = EnginePacket(text: frame) else {
            throw fault(.packet, "the frame is no message of Engine.IO")
        }
        let packet: SocketPacket?
        do throws(SocketPacketDecoder.Violation) {
            packet = try decoder.receive(text: text)
        } catch {
            throw fault(.packet, error.message)
        }
        guard let packet, packet.namespace == namespace else {
            throw fault(.packet, "the packet is of another namespace")
        }
        guard let event else { return }
        guard packet.kind == .event, let arguments = packet.payload?.arrayValue, arguments.count == 3,
            arguments[0] == "event", let object = arguments[1].objectValue
        else { throw fault(.packet, "the packet is no event with one object and its place") }
        guard arguments[2] == .string("\(event)") else { throw fault(.offset, "the last argument is \(arguments[2])") }
        try check(object, event)
    }

    private mutating func check(json: [UInt8], _ event: EventID?) throws(FrameFault) {
        guard let object = (try? JSONValue(parsing: json))?.objectValue else {
            throw fault(.json, "the message is no JSON object")
        }
        try check(object, event)
    }

    private mutating func check(_ object: JSONObject, _ event: EventID?) throws(FrameFault) {
        guard object["thread_id"] == .string(thread.rawValue) else { throw fault(.thread, "it is of another thread") }
        guard let event else {
            guard object["op"] != nil else { throw fault(.event, "an event stands for none") }
            return
        }
        guard object["id"] == .string("\(event)"), object["type"]?.stringValue != nil, object["data"] != nil else {
            throw fault(.event, "the message is not the event \(event)")
        }
        if let last, event.sequence != last + 1 {
            throw fault(.dense, "\(event.sequence) comes after \(last)")
        }
        last = event.sequence
    }
}
