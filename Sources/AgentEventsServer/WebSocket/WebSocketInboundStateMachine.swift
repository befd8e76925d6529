import AgentEventsHub
import AgentEventsProtocol

/// Decides what a frame from a client means: RFC 6455 from the frame upwards. No frame's payload is looked at twice.
///
/// Generic over what a payload is, so that it can be tested without buffers.
///
///     idle ── first fragment ──> fragmented ── last fragment ──> idle      (whole messages and control frames: no change)
///       └────────┬───────────────────┘
///                └── close frame, broken rule, close() ──> closing         (only the peer's close frame counts)
struct WebSocketInboundStateMachine<Payload: RangeReplaceableCollection<UInt8> & Sendable>: Sendable {
    /// A frame as the decoder gives it: unmasked, with what its header said.
    struct Frame: Sendable {
        var isFinal = true
        var hasReservedBits = false
        var opcode: UInt8
        var isMasked = true
        var payload: Payload
    }

    private enum State: Sendable {
        /// Between two messages.
        case idle
        /// Inside of a message that comes in fragments. In a box, since few do.
        indirect case fragmented(Payload, count: Int, isBinary: Bool)
        /// The closing handshake has begun, or the peer broke the protocol: nothing more is read.
        case closing
    }

    enum Action: Sendable {
        case none
        /// A whole text message; not yet checked to be UTF-8.
        case message(Payload)
        /// A whole binary message, where these are taken.
        case binary(Payload)
        case sendPong(Payload)
        /// The peer closes: echo its code and close.
        case echoClose(StreamCloseCode?)
        /// The peer broke a rule: close with this code.
        case fail(StreamCloseCode, reason: String)
        /// This side has closed, and the peer has answered: the connection can go.
        case finish
    }

    private var state = State.idle
    private let maximumMessageByteCount: Int
    private let takesBinary: Bool
    /// The largest number of fragments of a message: each costs work, however small it is.
    static var maximumFragmentCount: Int { 1024 }

    /// The bytes that have come of a message in fragments; `nil` between two messages.
    var fragmentedByteCount: Int? {
        switch state {
        case .fragmented(let payload, count: _, isBinary: _): payload.count
        case .idle, .closing: nil
        }
    }

    /// - Parameter takesBinary: whether a message may be binary.
    init(maximumMessageByteCount: Int, takesBinary: Bool = false) {
        self.maximumMessageByteCount = maximumMessageByteCount
        self.takesBinary = takesBinary
    }

    /// This side closes: from now on every frame but the peer's close is ignored.
    mutating func close() { state = .closing }

    mutating func receive(_ frame: Frame) -> Action {
        if case .closing = state { return frame.opcode == 0x8 ? .finish : .none }
        if frame.hasReservedBits { return fail(.protocolError, "a reserved bit is set and no extension was agreed on") }
        if !frame.isMasked { return fail(.protocolError, "frames from a client are masked") }
        switch frame.opcode {
        case 0x0: return receiveContinuation(frame)
        case 0x1: return receiveFirst(frame, isBinary: false)
        case 0x2 where takesBinary: return receiveFirst(frame, isBinary: true)
        case 0x2: return fail(.unsupportedData, "messages are text, this one is binary")
        case 0x8, 0x9, 0xA: return receiveControl(frame)
        default: return fail(.protocolError, "the opcode \(frame.opcode) is reserved")
        }
    }

    private mutating func receiveFirst(_ frame: Frame, isBinary: Bool) -> Action {
        guard case .idle = state else {
            return fail(.protocolError, "a new message began before the last one was finished")
        }
        guard frame.payload.count <= maximumMessageByteCount else { return failTooBig() }
        if frame.isFinal { return isBinary ? .binary(frame.payload) : .message(frame.payload) }
        state = .fragmented(frame.payload, count: 1, isBinary: isBinary)
        return .none
    }

    private mutating func receiveContinuation(_ frame: Frame) -> Action {
        guard case .fragmented(var payload, let count, let isBinary) = state else {
            return fail(.protocolError, "a continuation without a message that it continues")
        }
        guard payload.count + frame.payload.count <= maximumMessageByteCount else { return failTooBig() }
        guard count < Self.maximumFragmentCount else {
            return fail(.tooBig, "a message has at most \(Self.maximumFragmentCount) fragments")
        }
        // The only reference, so that appending does not copy.
        state = .idle
        payload.append(contentsOf: frame.payload)
        if frame.isFinal { return isBinary ? .binary(payload) : .message(payload) }
        state = .fragmented(payload, count: count + 1, isBinary: isBinary)
        return .none
    }

    private mutating func receiveControl(_ frame: Frame) -> Action {
        guard frame.isFinal else { return fail(.protocolError, "control frames are not fragmented") }
        guard frame.payload.count <= 125 else { return fail(.protocolError, "control frames have at most 125 bytes") }
        switch frame.opcode {
        case 0x9: return .sendPong(frame.payload)
        case 0xA: return .none
        default: return receiveClose(frame.payload)
        }
    }

    private mutating func receiveClose(_ payload: Payload) -> Action {
        guard !payload.isEmpty else {
            state = .closing
            return .echoClose(nil)
        }
        guard payload.count >= 2 else { return fail(.protocolError, "a close code has two bytes") }
        let bytes = Array(payload)
        let code = StreamCloseCode(rawValue: UInt16(bytes[0]) << 8 | UInt16(bytes[1]))
        guard code.isAllowedOnTheWire else {
            return fail(.protocolError, "the close code \(code.rawValue) is not one to be sent")
        }
        guard String(validating: bytes[2...], as: UTF8.self) != nil else {
            return fail(.invalidText, "the reason of a close frame is UTF-8")
        }
        state = .closing
        return .echoClose(code)
    }

    private mutating func failTooBig() -> Action {
        fail(.tooBig, "a message has at most \(maximumMessageByteCount) bytes")
    }

    private mutating func fail(_ code: StreamCloseCode, _ reason: String) -> Action {
        state = .closing
        return .fail(code, reason: reason)
    }
}
