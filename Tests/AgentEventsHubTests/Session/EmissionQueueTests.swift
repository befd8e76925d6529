import AgentEvents
import AgentEventsProtocol
import Testing

@testable import AgentEventsHub

struct EmissionQueueTests {
    private static func reply(_ request: Int64, at position: UInt64) -> EmissionReply {
        EmissionReply(
            position: position, tag: RequestTag(.integer(request)), thread: "t",
            message: .error(
                ProtocolError(.requestInvalid, "as it was at \(position)").answering(RequestTag(.integer(request)))))
    }

    private static func codes(_ replies: [EmissionReply]) throws -> [String] {
        try replies.map { reply in
            let json = try JSONValue(parsing: reply.message.encoded())
            return "\(json["req"]?.integerValue ?? 0) \(json["code"]?.stringValue ?? "")"
        }
    }

    /// A failure of the log is the answer to what it keeps from being committed, and to nothing else.
    @Test func aFailureOfTheLogLeavesTheOtherAnswersAsTheyAre() throws {
        var emissions = EmissionQueue()
        emissions.didEmit([
            Self.reply(1, at: 3), Self.reply(2, at: 7), Self.reply(3, at: 0), Self.reply(4, at: 5),
            Self.reply(5, at: 8),
        ])
        #expect(try Self.codes(emissions.takeReplies(upTo: 3)) == ["1 request.invalid"])
        let failure = EventLogError(.failed, "the disk is gone")
        #expect(
            try Self.codes(emissions.failReplies(after: 6, failure))
                == ["2 log.failed", "3 request.invalid", "4 request.invalid", "5 log.failed"])
        #expect(emissions.isIdle)
        #expect(emissions.failReplies(after: 9, failure).isEmpty)
    }
}
