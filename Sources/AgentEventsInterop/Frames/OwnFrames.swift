package import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import NIOCore

/// The frames of this package's own messages, in the forms of its transports: one for each event, as a client gets it that
/// follows live. One that catches up may be sent several fragments as one event.
package struct OwnFrames: FrameMachine {
    package enum Form: Hashable, Sendable {
        case webSocket
        case serverSentEvents
        /// With the namespace of the thread.
        case socketIO

        fileprivate var framing: StreamFraming {
            switch self {
            case .webSocket: .webSocket
            case .serverSentEvents: .serverSentEvents
            case .socketIO: .socketIO
            }
        }
    }

    private let form: Form
    private let place: FramePlace
    private var stream: FrameStream
    package let rules: [String]

    package init(_ form: Form, at place: FramePlace) {
        self.form = form
        self.place = place
        let verifier = OwnFrameVerifier(form, namespace: HubNamespaces.name(of: place.thread), thread: place.thread)
        rules = verifier.rules
        stream = FrameStream(nil, verifier)
    }

    package var streams: [FrameStream] { [stream] }

    package mutating func note(_ event: AgentEvent) {}

    package mutating func begin() {
        let joined = ServerMessage.subscribed(nil, place.thread, after: place.position, head: place.head).encoded()
        switch form {
        case .webSocket, .serverSentEvents: add(form.framing.frame(joined), of: nil, joins: true)
        case .socketIO: connect(joined)
        }
    }

    /// The answer to the packet that connects to the namespace. Its `sid` and the beginning of its `pid` are a client's own:
    /// here stand words in their place.
    private mutating func connect(_ joined: [UInt8]) {
        var auth: JSONObject = [:]
        switch place.after {
        case .start: auth["after"] = "start"
        case .now: auth["after"] = "now"
        case .after(let cursor): auth["after"] = .string("\(cursor)")
        }
        guard let recovery = try? RecoveryPlace(auth), let object = (try? JSONValue(parsing: joined))?.objectValue
        else {
            return
        }
        var machine = NamespaceStateMachine(recovery)
        guard case .connect(let pid, let start, isReset: _) = machine.receive(object) else { return }
        let packet = SocketPacket.connected(
            HubNamespaces.name(of: place.thread), sid: "SID", pid: pid ?? RecoveryPlace.pid("PID", startingAfter: start)
        )
        add(Self.wire(packet.text), of: nil, joins: true)
    }

    package mutating func receive(_ event: AgentEvent, _ stored: StoredEvent) {
        let frame = form.framing.frame(stored.bytes, of: stored.id)
        switch form {
        case .webSocket, .serverSentEvents:
            add(frame, of: stored.id)
        case .socketIO:
            var frames = frame
            while let one = SocketFrame(&frames) {
                let text = SocketPacket.event(
                    HubNamespaces.name(of: place.thread), name: "event", one.json.readableBytesView, cursor: one.cursor)
                add(Self.wire(text), of: stored.id)
            }
        }
    }

    private static func wire(_ packet: ByteBuffer) -> ByteBuffer {
        var buffer = ByteBuffer()
        EnginePacket.message(packet).write(to: &buffer)
        return buffer
    }

    private mutating func add(_ frame: ByteBuffer, of event: EventID?, joins: Bool = false) {
        let headByteCount = form == .webSocket ? WebSocketHead(frame).byteCount : 0
        stream.add(frame, of: event, joins: joins, headByteCount: headByteCount)
    }
}

/// The bytes of a frame of a WebSocket before its text (RFC 6455, section 5.2), as a client reads them.
struct WebSocketHead {
    let byteCount: Int
    /// `nil` for what is no whole text message of a server, in the shortest form.
    let payloadByteCount: UInt64?

    init(_ frame: ByteBuffer) {
        var rest = frame
        let opcode = rest.readInteger(as: UInt8.self)
        let length = rest.readInteger(as: UInt8.self)
        let isText = opcode == 0x81
        switch length {
        case 126:
            let count = rest.readInteger(as: UInt16.self).map(UInt64.init) ?? 0
            byteCount = 4
            payloadByteCount = isText && count > 125 ? count : nil
        case 127:
            let count = rest.readInteger(as: UInt64.self) ?? 0
            byteCount = 10
            payloadByteCount = isText && count > 0xFFFF ? count : nil
        case let length?:
            byteCount = 2
            payloadByteCount = isText && length < 126 ? UInt64(length) : nil
        case nil:
            byteCount = 0
            payloadByteCount = nil
        }
    }
}
