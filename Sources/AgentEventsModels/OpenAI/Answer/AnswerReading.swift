import AgentEvents

/// Reads the body of an answer from bytes that are cut anywhere: server-sent events, or one JSON document where the provider does
/// not stream. The first byte tells which: no line of events that means something begins with a bracket.
package struct AnswerReading<Machine: AnswerStateMachine>: Sendable {
    private enum Form {
        case unknown
        case events(ServerSentEventParser)
        case document([UInt8])
    }

    /// The most bytes of an answer that is one document: 4 MiB.
    package static var maximumDocumentByteCount: Int { 4 << 20 }

    private var form = Form.unknown
    private var machine: Machine

    package init(_ machine: Machine) { self.machine = machine }

    /// Reads the next event.
    ///
    /// - Parameter bytes: what has come; what was read is taken from its beginning.
    /// - Returns: what follows from the event; `nil` when all bytes were read.
    package mutating func next<Bytes: Collection<UInt8>>(
        in bytes: inout Bytes
    ) -> AnswerAction? where Bytes.SubSequence == Bytes {
        if case .unknown = form { decideForm(&bytes) }
        switch form {
        case .unknown: return nil
        case .events(var parser):
            // Not held twice while it is changed.
            form = .unknown
            defer { form = .events(parser) }
            do throws(ServerSentEventParser.TooLarge) {
                return try parser.next(in: &bytes).map { machine.receive($0) }
            } catch {
                return machine.end(
                    ModelError(.malformed, "an event of the provider's answer has more than \(error.limit) bytes"))
            }
        case .document(var document):
            guard document.count + bytes.count <= Self.maximumDocumentByteCount else {
                return machine.end(
                    ModelError(
                        .malformed, "the provider's answer has more than \(Self.maximumDocumentByteCount) bytes"))
            }
            form = .unknown
            document += bytes
            form = .document(document)
            bytes = bytes[bytes.endIndex...]
            return nil
        }
    }

    private mutating func decideForm<Bytes: Collection<UInt8>>(_ bytes: inout Bytes)
    where Bytes.SubSequence == Bytes {
        bytes = bytes.drop { [0x09, 0x0A, 0x0D, 0x20].contains($0) }
        guard let first = bytes.first else { return }
        // A page of HTML is no stream of events either, and a stream of none would say nothing about it.
        form = "{[\"<".utf8.contains(first) ? .document([]) : .events(ServerSentEventParser())
    }

    /// The body has ended.
    ///
    /// - Parameter cause: the error that ended it; `nil` when the body is whole.
    package mutating func end(_ cause: ModelError?) -> AnswerAction {
        guard case .document(let document) = form, cause == nil else { return machine.end(cause) }
        do throws(WireError) {
            return machine.receive(document: try JSONValue(parsing: document))
        } catch {
            return machine.end(ModelError(.malformed, "the provider's answer is neither a stream of events nor JSON"))
        }
    }
}
