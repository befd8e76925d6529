import AgentEvents
import AgentEventsHub
import AgentEventsProtocol

/// JSON: what is read is written, and read again as the same.
enum JSONSubject {
    static func problem(of input: [UInt8]) -> String? {
        let value: JSONValue
        do throws(WireError) {
            value = try JSONValue(parsing: input)
        } catch {
            return Refusal.problem(error.description)
        }
        let written = value.encoded()
        guard written.count <= 6 * input.count else { return "\(input.count) bytes became \(written.count)" }
        do throws(WireError) {
            let again = try JSONValue(parsing: written)
            guard again == value else { return "what was written is read as something else" }
            return again.encoded() == written ? nil : "what was read again is written in other bytes"
        } catch {
            return "what was written cannot be read: \(error)"
        }
    }
}

/// Events, which are encoded as they are decoded.
enum EventSubject {
    private static let thread = ThreadID(text: IdentifierText(unchecked: "t_7"))

    static func problem(of input: [UInt8]) -> String? {
        if let value = try? JSONValue(parsing: input) {
            do throws(WireError) {
                _ = try EventDecoder.decodeDraft(value, path: "$.events[0]", thread: thread)
            } catch {
                if let problem = Refusal.problem(error.description) { return problem }
            }
        }
        var event: AgentEvent
        do throws(WireError) {
            event = try EventDecoder.decode(input)
        } catch {
            return Refusal.problem(error.description)
        }
        event.unrecognized = nil
        guard event.type != nil, let written = try? EventEncoder.encode(event) else { return nil }
        do throws(WireError) {
            let again = try EventDecoder.decode(written)
            guard try EventEncoder.encode(again) == written else { return "an event is encoded in two forms" }
            return again == event ? nil : "an event is decoded as another one"
        } catch {
            return "an event that was encoded cannot be decoded: \(error)"
        }
    }
}

/// Messages and bodies, each by whatever reads such.
enum MessageSubject {
    private static let maximumBatchEvents = 1000

    static func problem(of input: [UInt8]) -> String? {
        clientMessageProblem(input) ?? firstMessageProblem(input) ?? commandProblem(input) ?? messageProblem(input)
            ?? memberProblem(input, isLink: false) ?? memberProblem(input, isLink: true) ?? serverMessageProblem(input)
    }

    private static func clientMessageProblem(_ input: [UInt8]) -> String? {
        do throws(ProtocolError) {
            let message = try ClientMessage.decode(input, maximumBatchEvents: maximumBatchEvents)
            let tree = try? input.withUnsafeBytes { input throws(ProtocolError) in
                try ClientMessage.decodeTree(input, maximumBatchEvents: maximumBatchEvents)
            }
            guard message == tree else { return "the short cut reads another message than the tree" }
            guard let tag = message.tag else { return nil }
            return tag.byteCount <= RequestTag.maximumByteCount ? nil : "a tag has \(tag.byteCount) bytes"
        } catch {
            return Refusal.problem(error)
        }
    }

    private static func firstMessageProblem(_ input: [UInt8]) -> String? {
        do throws(ProtocolError) {
            let request = try AuthenticationRequest.decode(input)
            return request.token.utf8.count <= input.count ? nil : "a token is longer than its message"
        } catch {
            return Refusal.problem(error)
        }
    }

    private static func commandProblem(_ input: [UInt8]) -> String? {
        do throws(ProtocolError) {
            _ = try CommandBody.decode(input)
            return nil
        } catch {
            return Refusal.problem(error)
        }
    }

    private static func messageProblem(_ input: [UInt8]) -> String? {
        do throws(ProtocolError) {
            _ = try MessageRequest.decode(input)
            return nil
        } catch {
            return Refusal.problem(error)
        }
    }

    private static func memberProblem(_ input: [UInt8], isLink: Bool) -> String? {
        do throws(ProtocolError) {
            _ = try MemberRequest.decode(input, isLink: isLink)
            return nil
        } catch {
            return Refusal.problem(error)
        }
    }

    private static func serverMessageProblem(_ input: [UInt8]) -> String? {
        do throws(WireError) {
            _ = try ServerMessage(input)
            return nil
        } catch {
            return Refusal.problem(error.description)
        }
    }
}

/// Bodies of events: never more of them than there may be, and as many in each format.
enum LineSubject {
    private static let thread = ThreadID(text: IdentifierText(unchecked: "t_7"))
    private static let maximumCount = 8

    static func problem(of input: [UInt8]) -> String? {
        for format in [IngestFormat.object, .lines, .byContent] {
            do throws(ProtocolError) {
                let drafts = try IngestBody(format: format, maximumCount: maximumCount).decode(input, thread: thread)
                let lineCount = input.split(separator: UInt8(ascii: "\n")).count
                guard (1...maximumCount).contains(drafts.count), drafts.count <= max(1, lineCount) else {
                    return "\(drafts.count) events in \(lineCount) lines of \(format)"
                }
            } catch {
                if let problem = Refusal.problem(error) { return problem }
            }
        }
        return nil
    }
}

/// The text about an input that is refused.
enum Refusal {
    private static let maximumByteCount = 4096

    static func problem(_ error: ProtocolError) -> String? {
        guard let problem = problem(error.message) else {
            return error.code.rawValue.isEmpty ? "a refusal without a code" : nil
        }
        return problem
    }

    static func problem(_ message: String) -> String? {
        guard !message.isEmpty else { return "a refusal without a reason" }
        return message.utf8.count <= maximumByteCount
            ? nil : "the reason of a refusal has \(message.utf8.count) bytes"
    }
}
