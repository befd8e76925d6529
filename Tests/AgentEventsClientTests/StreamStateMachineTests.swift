import AgentEvents
import AgentEventsClient
import Testing

@Suite struct StreamStateMachineTests {
    /// A stream that follows two threads, greeted and agreed to.
    private struct Stream {
        var machine = StreamStateMachine()
        var numbers: [ThreadID: Int] = [:]

        init() throws {
            _ = machine.connect()
            for thread in ["t_2", "t_1"] as [ThreadID] {
                numbers[thread] = try machine.follow(thread, from: .start, consumer: nil)
            }
        }

        static func subscribed() throws -> Stream {
            var stream = try Stream()
            stream.receive(.welcome(heartbeatMilliseconds: 25_000))
            for thread in ["t_1", "t_2"] as [ThreadID] { stream.receive(.subscribed(thread: thread, after: nil)) }
            _ = stream.machine.takeOutgoing()
            return stream
        }

        @discardableResult
        mutating func receive(_ message: StreamMessage) -> StreamActions { machine.receive(message, random: 0) }

        mutating func take(_ thread: ThreadID) -> String {
            switch machine.take(thread, number: numbers[thread] ?? 0) {
            case .give(.event(let event)): "\(event.cursor.sequence)"
            case .give(.live): "live"
            case .give(.interrupted): "interrupted"
            case .give(.reset): "reset"
            case .wait: "wait"
            case .fail(let error): "\(error.code)"
            case .end: "end"
            }
        }

        var state: String {
            switch machine.state {
            case .connecting: "connecting"
            case .catchingUp: "catching up"
            case .live: "live"
            case .waiting(let seconds, _): "waiting \(seconds)"
            case .refused(let error): "refused \(error.code)"
            }
        }
    }

    private static func cursor(_ sequence: UInt64) -> Cursor { Cursor(generation: 1, sequence: sequence) }

    private static func event(_ sequence: UInt64, thread: ThreadID = "t_1") -> StreamMessage {
        .event(StreamEvent(cursor: cursor(sequence), thread: thread, bytes: []))
    }

    private static func refusal(
        _ code: String, isRetryable: Bool = false, after milliseconds: Int64? = nil, thread: ThreadID? = nil
    ) -> Refusal {
        Refusal(
            code: code, message: "no", isRetryable: isRetryable, retryAfterMilliseconds: milliseconds, thread: thread)
    }

    // MARK: What is said and asked

    @Test func theWelcomeIsAnsweredWithASubscriptionToEachThreadInOrder() throws {
        var stream = try Stream()
        #expect(stream.machine.takeOutgoing() == [])
        let actions = stream.receive(.welcome(heartbeatMilliseconds: 25_000))
        #expect(actions.silenceSeconds == 50)
        let asked = stream.machine.takeOutgoing().map(\.message)
        #expect(asked.map { $0["thread_id"] } == ["t_2", "t_1"])
        #expect(Set(asked.map { $0["req"] }).count == 2)
        #expect(stream.machine.takeOutgoing() == [])
    }

    @Test(arguments: [
        (
            StreamRequest.subscribe(request: 1, "t_7", from: nil, consumer: "tab-1"),
            #"{"op":"subscribe","req":1,"thread_id":"t_7","consumer":"tab-1","merge":false}"#
        ),
        (
            .subscribe(request: 1, "t_7", from: .start, consumer: nil),
            #"{"op":"subscribe","req":1,"thread_id":"t_7","after":"start","merge":false}"#
        ),
        (
            .subscribe(request: 1, "t_7", from: .now, consumer: nil),
            #"{"op":"subscribe","req":1,"thread_id":"t_7","after":"now","merge":false}"#
        ),
        (
            .subscribe(request: 1, "t_7", from: .after(cursor(42)), consumer: "tab-1"),
            #"{"op":"subscribe","req":1,"thread_id":"t_7","after":"1-42","consumer":"tab-1","merge":false}"#
        ),
        (.unsubscribe(request: 2, "t_7"), #"{"op":"unsubscribe","req":2,"thread_id":"t_7"}"#),
        (.acknowledge(request: 3, "t_7", cursor(57)), #"{"op":"ack","req":3,"thread_id":"t_7","cursor":"1-57"}"#),
        (.pong, #"{"op":"pong"}"#),
    ])
    func aRequestOnTheWire(request: StreamRequest, text: String) {
        #expect(String(decoding: request.message.encoded(), as: UTF8.self) == text)
    }

    @Test func anAcknowledgementThatWasOnItsWayWhenTheConnectionBrokeIsSentAgain() throws {
        var stream = try Stream.subscribed()
        stream.receive(Self.event(1))
        #expect(stream.take("t_1") == "1")
        let number = stream.numbers["t_1"] ?? 0
        _ = try stream.machine.acknowledge(Self.cursor(1), of: "t_1", number: number)
        stream.machine.passed(seconds: 1)
        let acknowledged = stream.machine.takeOutgoing()
        #expect(acknowledged.map { $0.message["op"] } == ["ack"])
        _ = stream.machine.disconnected(AgentEventsClientError(.closed, "cut"), random: 0)
        _ = stream.machine.connect()
        stream.receive(.welcome(heartbeatMilliseconds: 25_000))
        _ = stream.machine.takeOutgoing()
        stream.receive(.subscribed(thread: "t_1", after: Self.cursor(1)))
        let again = stream.machine.takeOutgoing()
        #expect(again == acknowledged)
    }

    @Test func aPingIsOwedOnePong() throws {
        var stream = try Stream.subscribed()
        stream.receive(.ping)
        stream.receive(.ping)
        #expect(stream.machine.takeOutgoing() == [.pong])
    }

    @Test(arguments: [
        event(1), .subscribed(thread: "t_1", after: nil), .live(thread: "t_1", cursor: nil),
        .reset(thread: "t_1", .trimmed, oldest: nil), .unsubscribed(thread: "t_1"),
    ])
    func nothingAboutThreadsComesBeforeTheWelcome(message: StreamMessage) throws {
        var stream = try Stream()
        #expect(stream.receive(message).leave?.code == .protocolViolation)
    }

    @Test(arguments: [
        event(1, thread: "t_9"), .subscribed(thread: "t_9", after: nil), .live(thread: "t_9", cursor: nil),
        .reset(thread: "t_9", .trimmed, oldest: nil), .unsubscribed(thread: "t_9"), .unsubscribed(thread: "t_1"),
        .welcome(heartbeatMilliseconds: nil), event(2 + 1, thread: "t_8"),
    ])
    func whatNobodyAskedForIsAViolation(message: StreamMessage) throws {
        var stream = try Stream.subscribed()
        #expect(stream.receive(message).leave?.code == .protocolViolation)
    }

    // MARK: Refusals

    @Test func aRefusalThatNamesNothingIsOneOfTheConnection() throws {
        var stream = try Stream.subscribed()
        let actions = stream.receive(
            .refused(request: nil, Self.refusal("limits.rate", isRetryable: true, after: 1500)))
        let error = try #require(actions.leave)
        #expect(error.code.rawValue == "limits.rate")
        let (action, _) = stream.machine.disconnected(error, random: 0)
        #expect(action == .pause(seconds: 1.5))
        #expect(stream.state == "waiting 1.5")
    }

    @Test(arguments: [true, false])
    func aSubscriptionThatIsRefusedForNowIsAskedForAgain(isAnswer: Bool) throws {
        var stream = try Stream()
        stream.receive(.welcome(heartbeatMilliseconds: nil))
        let request = stream.machine.takeOutgoing().last?.message["req"]
        let refusal = Self.refusal("log.failed", isRetryable: true, after: 1000, thread: "t_1")
        let actions = stream.receive(.refused(request: isAnswer ? request : nil, refusal))
        #expect(actions.leave == nil)
        #expect(actions.needsTime)
        stream.machine.passed(seconds: 0.5)
        #expect(stream.machine.takeOutgoing() == [])
        #expect(stream.machine.needsTime)
        stream.machine.passed(seconds: 0.5)
        let again = stream.machine.takeOutgoing().map(\.message)
        #expect(again.map { $0["thread_id"] } == ["t_1"])
        #expect(again.first?["req"] != request)
        #expect(!stream.machine.needsTime)
    }

    @Test func anAnswerToARequestOfNoInterestIsPassedOver() throws {
        var stream = try Stream.subscribed()
        let actions = stream.receive(.refused(request: 999, Self.refusal("thread.forbidden", thread: "t_1")))
        #expect(actions.leave == nil)
        stream.receive(Self.event(1))
        #expect(stream.take("t_1") == "1")
    }

    @Test func anAcknowledgementThatIsRefusedForGoodEndsItsThreadOnly() throws {
        var stream = try Stream.subscribed()
        stream.receive(Self.event(1))
        stream.receive(Self.event(1, thread: "t_2"))
        #expect(stream.take("t_1") == "1")
        let needsTime = try stream.machine.acknowledge(Self.cursor(1), of: "t_1", number: stream.numbers["t_1"] ?? 0)
        #expect(needsTime)
        stream.machine.passed(seconds: 1)
        let request = stream.machine.takeOutgoing().first?.message["req"]
        stream.receive(.refused(request: request, Self.refusal("op.unsupported", thread: "t_1")))
        #expect(stream.take("t_1") == "op.unsupported")
        #expect(stream.machine.takeOutgoing().map { $0.message["op"] } == ["unsubscribe"])
        #expect(stream.take("t_2") == "1")
    }

    @Test func anAcknowledgementThatIsRefusedForNowIsSentAgain() throws {
        var stream = try Stream.subscribed()
        stream.receive(Self.event(1))
        #expect(stream.take("t_1") == "1")
        _ = try stream.machine.acknowledge(Self.cursor(1), of: "t_1", number: stream.numbers["t_1"] ?? 0)
        stream.machine.passed(seconds: 1)
        let sent = stream.machine.takeOutgoing()
        #expect(sent.count == 1)
        stream.receive(
            .refused(request: sent.first?.message["req"], Self.refusal("log.failed", isRetryable: true)))
        stream.machine.passed(seconds: 1)
        #expect(stream.machine.takeOutgoing() == sent)
    }

    // MARK: State

    @Test func theStateFollowsTheConnectionAndTheThreads() throws {
        var stream = try Stream()
        #expect(stream.state == "connecting")
        stream.receive(.welcome(heartbeatMilliseconds: nil))
        #expect(stream.state == "catching up")
        for thread in ["t_1", "t_2"] as [ThreadID] {
            #expect(stream.state == "catching up")
            stream.receive(.subscribed(thread: thread, after: nil))
            stream.receive(.live(thread: thread, cursor: nil))
        }
        #expect(stream.state == "live")
        let third = try stream.machine.follow("t_3", from: .now, consumer: nil)
        #expect(stream.state == "catching up")
        stream.machine.unfollow("t_3", number: third)
        #expect(stream.state == "live")
        _ = stream.machine.disconnected(AgentEventsClientError(.closed, "gone"), random: 1)
        #expect(stream.state == "waiting 0.25")
        _ = stream.machine.connect()
        #expect(stream.state == "connecting")
        _ = stream.machine.disconnected(AgentEventsClientError(.closed, "no", closeCode: 4403), random: 1)
        #expect(stream.state == "refused client.closed")
    }

    @Test func whatWasReceivedIsGivenBeforeTheErrorThatEndsIt() throws {
        var stream = try Stream.subscribed()
        stream.receive(Self.event(1))
        stream.receive(Self.event(2))
        let (action, actions) = stream.machine.disconnected(
            AgentEventsClientError(.closed, "no", closeCode: 4401), random: 0)
        #expect(action == .refuse)
        #expect(Set(actions.readers) == Set(stream.numbers.values))
        let seen = (0..<4).map { _ in stream.take("t_1") }
        #expect(seen == ["1", "2", "client.closed", "client.closed"])
    }
}
