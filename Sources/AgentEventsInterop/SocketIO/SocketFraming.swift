package import AgentEventsHub
import AgentEvents
import NIOCore

extension StreamFraming {
    /// Messages on their way to a client of Socket.IO, in the form that all of them share: what a client gets depends on its
    /// namespaces, and on whether it polls. Each is its size, its event's generation and number (0 for none), and the JSON.
    package static let socketIO = StreamFraming(socketIOName, maximumOverheadByteCount: 20) { message, buffer in
        buffer.writeInteger(UInt32(message.byteCount))
        buffer.writeInteger(message.event?.generation ?? 0)
        buffer.writeInteger(message.event?.sequence ?? 0)
    }
}

/// A message in the framing of Socket.IO.
struct SocketFrame {
    /// `nil` for a message that is no event.
    let cursor: Cursor?
    let json: ByteBuffer

    /// Takes the next one; `nil` when there are no further ones.
    init?(_ frames: inout ByteBuffer) {
        guard let byteCount = frames.readInteger(as: UInt32.self), let generation = frames.readInteger(as: UInt64.self),
            let sequence = frames.readInteger(as: UInt64.self), let json = frames.readSlice(length: Int(byteCount))
        else { return nil }
        cursor = sequence == 0 ? nil : Cursor(generation: generation, sequence: sequence)
        self.json = json
    }
}
