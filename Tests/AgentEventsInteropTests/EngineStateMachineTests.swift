import AgentEventsInterop
import NIOCore
import Testing

@Suite("EngineStateMachine")
struct EngineStateMachineTests {
    @Test func aPollWaitsForPackets() {
        var machine = EngineStateMachine(isWebSocket: false)
        #expect(machine.beganPoll(hasPackets: false) == .wait)
        #expect(machine.wrote() == true)
        let isAnsweredAgain = machine.wrote()
        #expect(!isAnsweredAgain)
    }

    @Test func twoPollsAtOnceEndTheSession() {
        var machine = EngineStateMachine(isWebSocket: false)
        _ = machine.beganPoll(hasPackets: false)
        #expect(machine.beganPoll(hasPackets: false) == .refuseAndEnd)
        #expect(machine.isClosed)
    }

    @Test func twoPostsAtOnceEndTheSession() {
        var machine = EngineStateMachine(isWebSocket: false)
        #expect(machine.beganPost() == .take)
        #expect(machine.beganPost() == .refuseAndEnd)
        #expect(machine.isClosed)
    }

    @Test func nothingGoesToAPollBeforeTheAnswerToAPostIsWritten() {
        var machine = EngineStateMachine(isWebSocket: false)
        #expect(machine.beganPoll(hasPackets: false) == .wait)
        #expect(machine.beganPost() == .take)
        machine.beganAnswer()
        let overtakes = machine.wrote()
        #expect(!overtakes)
        machine.endedPost()
        let isAnswered = machine.endedAnswer(hasPackets: true)
        #expect(isAnswered)
        let isAnsweredAgain = machine.endedAnswer(hasPackets: true)
        #expect(!isAnsweredAgain)

        machine.beganAnswer()
        #expect(machine.beganPoll(hasPackets: true) == .wait)
        let hasNothing = machine.endedAnswer(hasPackets: false)
        #expect(!hasNothing)
        let isAnsweredLater = machine.wrote()
        #expect(isAnsweredLater)
    }

    @Test func aPollWhoseClientIsGoneEndsTheSession() {
        var machine = EngineStateMachine(isWebSocket: false)
        _ = machine.beganPoll(hasPackets: false)
        let isEnded = machine.lostPoll()
        #expect(isEnded)
        #expect(machine.isClosed)
    }

    @Test func nothingIsFlushedToAPollOnceTheWebSocketIsProbed() {
        var machine = EngineStateMachine(isWebSocket: false)
        _ = machine.webSocketCame()
        #expect(machine.probed(.ping("probe")) == .answer)
        #expect(machine.beganPoll(hasPackets: true) == .wait)
        let isFlushed = machine.wrote()
        #expect(!isFlushed)
        #expect(machine.noopDue() == true)
        // The client polls once more before it pauses.
        #expect(machine.beganPoll(hasPackets: true) == .wait)
        #expect(machine.noopDue() == true)
        #expect(machine.noopDue() == false)
        #expect(machine.probed(.upgrade) == .upgrade(answersPoll: false))
        #expect(machine.noopDue() == nil)
    }

    @Test func aProbeThatDiesLeavesPollingAlive() {
        var machine = EngineStateMachine(isWebSocket: false)
        _ = machine.beganPoll(hasPackets: false)
        _ = machine.webSocketCame()
        _ = machine.probed(.ping("probe"))
        #expect(machine.lostWebSocket(hasPackets: true) == .poll(answers: true))
        #expect(machine.beganPoll(hasPackets: true) == .answer)
        let isTriedAgain = machine.webSocketCame()
        #expect(isTriedAgain)
    }

    @Test func aSecondProbeEndsTheUpgrade() {
        var machine = EngineStateMachine(isWebSocket: false)
        _ = machine.webSocketCame()
        #expect(machine.probed(.ping("probe")) == .answer)
        #expect(machine.probed(.ping("probe")) == .drop)
        #expect(machine.lostWebSocket(hasPackets: false) == .poll(answers: false))
        #expect(!machine.isUpgrading)
    }

    @Test func aSecondWebSocketIsRefused() {
        var machine = EngineStateMachine(isWebSocket: true)
        let isTried = machine.webSocketCame()
        #expect(!isTried)
        #expect(machine.beganPoll(hasPackets: false) == .refuse)
        #expect(machine.beganPost() == .refuse)
        #expect(!machine.isClosed)
    }

    @Test func aPingOfTheClientIsAViolation() {
        var machine = EngineStateMachine(isWebSocket: true)
        #expect(machine.received(.ping("")) == .violation)
    }

    @Test func aSessionThatEndsBetweenPollsTellsTheNextOne() {
        var machine = EngineStateMachine(isWebSocket: false)
        #expect(machine.end() == .linger)
        #expect(machine.beganPoll(hasPackets: true) == .answer)
        #expect(machine.beganPoll(hasPackets: true) == .answer)
        #expect(machine.beganPoll(hasPackets: false) == .end)
        #expect(machine.beganPoll(hasPackets: false) == .refuse)
    }

    @Test func anAnswerToAPingKeepsTheSession() {
        var machine = EngineStateMachine(isWebSocket: true)
        #expect(machine.pingDue() == true)
        #expect(machine.isPongMissing() == true)
        #expect(machine.received(.pong("")) == .heard)
        #expect(machine.isPongMissing() == false)
    }
}

@Suite("EnginePacket")
struct EnginePacketTests {
    @Test func aPayloadSurvivesARoundTrip() {
        let payload = ByteBuffer(string: "4hello\u{1e}bAQIDBA==\u{1e}2\u{1e}3probe")
        let packets = EnginePacket.decode(payload: payload)
        #expect(
            packets == [
                .message(ByteBuffer(string: "hello")), .binary(ByteBuffer(bytes: [1, 2, 3, 4])), .ping(""),
                .pong("probe"),
            ])
        #expect(packets.map { EnginePacket.encode($0) } == payload)
    }

    @Test(arguments: ["", "abc", "4a\u{1e}", "bAQI", "b====", "bA===", "9"])
    func whatIsNoPayloadIsRefused(text: String) {
        #expect(EnginePacket.decode(payload: ByteBuffer(string: text)) == nil)
    }

    @Test func aPayloadHasALargestNumberOfPackets() {
        let many = Array(repeating: "4", count: EnginePacket.maximumCountInPayload)
        let payload = ByteBuffer(string: many.joined(separator: "\u{1E}"))
        #expect(EnginePacket.decode(payload: payload)?.count == many.count)
        #expect(EnginePacket.decode(payload: ByteBuffer(string: "4\u{1E}" + String(buffer: payload))) == nil)
    }
}
