import AgentEventsProtocol
import NIOCore

/// A message of a client, parsed or not.
struct ParsedMessage: Sendable {
    let result: Result<ClientMessage, ProtocolError>
    let byteCount: Int
    /// Whether it came while the connection took emissions.
    let isInTime: Bool
}

/// Parses the messages of a connection in the order in which they came: small ones on its event loop, large ones on a worker.
/// Confined to the event loop.
struct MessageParser {
    private struct Message: Sendable {
        let bytes: ByteBuffer
        let isInTime: Bool
    }

    private var machine = ParsingStateMachine<Message>()

    /// Nothing is parsed on a worker, and nothing waits for that.
    var isIdle: Bool { machine.isIdle }

    /// A whole message has come.
    ///
    /// - Parameter isInTime: whether the connection takes emissions.
    /// - Returns: the message, parsed; `nil` when ``next(_:_:)`` gives it out.
    mutating func receive(_ bytes: ByteBuffer, isInTime: Bool, _ services: SessionServices) -> ParsedMessage? {
        let message = Message(bytes: bytes, isInTime: isInTime)
        let isLarge = bytes.readableBytes > services.limits.maximumInlineByteCount
        return machine.receive(message, isLarge: isLarge) ? Self.parse(message, services.limits) : nil
    }

    /// The next message; to be asked for again until there is none.
    ///
    /// - Parameter onParsed: called on a worker, for a message that is parsed there; ``parsedElsewhere()`` follows on the loop.
    mutating func next(
        _ services: SessionServices,
        _ onParsed: @escaping @Sendable (ParsedMessage) -> Void
    ) -> ParsedMessage? {
        switch machine.next() {
        case .none:
            return nil
        case .parse(let message):
            return Self.parse(message, services.limits)
        case .parseElsewhere(let message):
            let limits = services.limits
            if services.readers.submit({ onParsed(Self.parse(message, limits)) }) { return nil }
            // At the very end there are no workers any longer.
            machine.parsedElsewhere()
            return Self.parse(message, limits)
        }
    }

    /// A message that was parsed on a worker has come back. It is carried out before ``next(_:_:)`` is asked.
    mutating func parsedElsewhere() { machine.parsedElsewhere() }

    /// The connection is gone: nothing waits any longer.
    mutating func end() { machine.end() }

    private static func parse(_ message: Message, _ limits: StreamLimits) -> ParsedMessage {
        let result: Result<ClientMessage, ProtocolError> = message.bytes.withUnsafeReadableBytes { bytes in
            do throws(ProtocolError) {
                return .success(try ClientMessage.decode(bytes, maximumBatchEvents: limits.maximumBatchEvents))
            } catch {
                return .failure(error)
            }
        }
        return ParsedMessage(result: result, byteCount: message.bytes.readableBytes, isInTime: message.isInTime)
    }
}
