import AgentEventsInterop
import AgentEventsProtocol
import NIOCore

/// The input of clients of other protocols: payloads of Engine.IO with packets of Socket.IO in them, queries, and the bodies of AG-UI and
/// the AI SDK.
enum InteropSubject {
    static func problem(of input: [UInt8]) -> String? {
        _ = try? EngineRequest(query: String(decoding: input, as: UTF8.self))
        return bodyProblem(input) ?? payloadProblem(input)
    }

    private static func bodyProblem(_ input: [UInt8]) -> String? {
        do throws(ProtocolError) {
            _ = try AGUIInput(input)
        } catch {
            if let problem = Refusal.problem(error) { return problem }
        }
        do throws(ProtocolError) {
            _ = try AISDKInput(input)
        } catch {
            return Refusal.problem(error)
        }
        return nil
    }

    private static func payloadProblem(_ input: [UInt8]) -> String? {
        guard let packets = EnginePacket.decode(payload: ByteBuffer(bytes: input)) else { return nil }
        guard packets.count <= min(input.count + 1, EnginePacket.maximumCountInPayload) else {
            return "\(input.count) bytes became \(packets.count) packets"
        }
        let written = EnginePacket.encode(packets)
        guard EnginePacket.decode(payload: written) == packets else { return "a payload is read again as another one" }
        var decoder = SocketPacketDecoder()
        for packet in packets {
            do throws(SocketPacketDecoder.Violation) {
                switch packet {
                case .message(let text):
                    if let problem = problem(ofPacket: try decoder.receive(text: text)) { return problem }
                case .binary(let bytes):
                    if let problem = problem(ofPacket: try decoder.receive(binary: bytes)) { return problem }
                case .open, .close, .ping, .pong, .upgrade, .noop: break
                }
            } catch {
                return Refusal.problem(error.message)
            }
        }
        return nil
    }

    /// A packet that is written is read as the same.
    private static func problem(ofPacket packet: SocketPacket?) -> String? {
        guard let packet else { return nil }
        guard packet.attachments.count <= SocketPacketDecoder.maximumAttachmentCount,
            packet.namespace.utf8.count <= SocketPacketDecoder.maximumNamespaceByteCount
        else { return "a packet has \(packet.attachments.count) attachments, and \(packet.namespace.utf8.count) bytes" }
        var decoder = SocketPacketDecoder()
        do throws(SocketPacketDecoder.Violation) {
            var again = try decoder.receive(text: packet.text)
            for attachment in packet.attachments { again = try decoder.receive(binary: attachment) }
            return again == packet ? nil : "a packet is read again as another one"
        } catch {
            return "a packet that was written cannot be read: \(error.message)"
        }
    }
}
