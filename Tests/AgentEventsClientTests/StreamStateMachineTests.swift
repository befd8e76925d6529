import AgentEvents
import AgentEventsClient
import AgentEventsProtocol
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
            stream.receive(.welcome(Welcome(heartbeatMilliseconds: 25_000)))
            for thread in ["t_1", "t_2"] as [ThreadID] {
                stream.receive(.subscribed(nil, thread, after: nil, head: nil))
            }
            _ = stream.machine.takeOutgoing()
            return stream
        }

        @discardableResult
        mutating func receive(_ message: ServerMessage) -> StreamActions { machine.receive(message, random: 0) }

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
            case .waiting(let pause, _): "waiting \(pause / .seconds(1))"
            case .refused(let error): "refused \(error.code)"
            }
        }
    }

    /// The time that a service which stops asks for is kept exactly, up to an hour; other closes have pauses of the client's own.
    @Test(arguments: [
        (1001, "reconnect_after_ms=0", 0), (1001, "reconnect_after_ms=12000", 12),
        (1001, "reconnect_after_ms=3600001", 3600), (1001, "reconnect_after_ms=999999999999999999", 3600),
        (1001, "", 0.125), (1001, "reconnect_after_ms=soon", 0.125), (1012, "reconnect_after_ms=12000", 0.125),
    ])
    func theReasonOfACloseSaysWhenToComeBack(_ code: Int, _ reason: String, _ seconds: Double) throws {
        var stream = try Stream.subscribed()
        _ = stream.machine.disconnected(AgentEventsClientError(closeCode: code, reason: reason), random: 0.5)
        #expect(stream.state == "waiting \(seconds)")
    }

    private static func cursor(_ sequence: UInt64) -> Cursor { Cursor(generation: 1, sequence: sequence) }

    private static func event(_ sequence: UInt64, thread: ThreadID = "t_1") -> ServerMessage {
        .event(StreamEvent(cursor: cursor(sequence), threadID: thread, bytes: []))
    }

    private static func refusal(
        _ code: ProtocolError.Code, answering tag: RequestTag? = nil, isRetryable: Bool = false,
        after milliseconds: Int64? = nil, thread: ThreadID? = nil
    ) -> ServerMessage {
        var error = ProtocolError(
            code, "no", isRetryable: isRetryable, retryAfterMilliseconds: milliseconds, threadID: thread)
        error.tag = tag
        return .error(error)
    }

    /// The thread that a request is about, as it stands on the wire.
    private static func thread(_ request: ClientMessage) throws -> JSONValue? {
        try JSONValue(parsing: try request.encoded())["thread_id"]
    }

    private static func isUnsubscribe(_ request: ClientMessage) -> Bool {
        if case .unsubscribe = request.operation { true } else { false }
    }

    // MARK: What is said and asked

    @Test func theWelcomeIsAnsweredWithASubscriptionToEachThreadInOrder() throws {
        var stream = try Stream()
        #expect(stream.machine.takeOutgoing() == [])
        let actions = stream.receive(.welcome(Welcome(heartbeatMilliseconds: 25_000)))
        #expect(actions.silence == .seconds(50))
        let asked = stream.machine.takeOutgoing()
        #expect(try asked.map { try Self.thread($0) } == ["t_2", "t_1"])
        #expect(Set(asked.map(\.tag)).count == 2)
        #expect(stream.machine.takeOutgoing() == [])
    }

    @Test func aRequestOnTheWire() throws {
        var machine = StreamStateMachine()
        _ = machine.connect()
        let starts: [(ThreadID, StartPosition?, ConsumerName?)] = [
            ("t_1", nil, "tab-1"), ("t_2", .start, nil), ("t_3", .now, nil), ("t_4", .after(Self.cursor(42)), "tab-1"),
        ]
        var numbers: [Int] = []
        for (thread, start, consumer) in starts {
            numbers.append(try machine.follow(thread, from: start, consumer: consumer))
        }
        _ = machine.receive(.welcome(Welcome()), random: 0)
        func sent() throws -> [String] {
            try machine.takeOutgoing().map { String(decoding: try $0.encoded(), as: UTF8.self) }
        }
        #expect(
            try sent() == [
                #"{"op":"subscribe","req":5,"thread_id":"t_1","consumer":"tab-1","merge":false}"#,
                #"{"op":"subscribe","req":6,"thread_id":"t_2","after":"start","merge":false}"#,
                #"{"op":"subscribe","req":7,"thread_id":"t_3","after":"now","merge":false}"#,
                #"{"op":"subscribe","req":8,"thread_id":"t_4","after":"1-42","consumer":"tab-1","merge":false}"#,
            ])
        _ = machine.receive(.subscribed(nil, "t_4", after: Self.cursor(42), head: nil), random: 0)
        _ = machine.receive(Self.event(43, thread: "t_4"), random: 0)
        _ = machine.take("t_4", number: numbers[3])
        _ = try machine.acknowledge(Self.cursor(43), of: "t_4", number: numbers[3])
        machine.unfollow("t_4", number: numbers[3])
        _ = machine.receive(.ping, random: 0)
        #expect(
            try sent() == [
                #"{"op":"ack","req":4,"thread_id":"t_4","cursor":"1-43"}"#,
                #"{"op":"unsubscribe","req":9,"thread_id":"t_4"}"#,
                #"{"op":"pong"}"#,
            ])
    }

    @Test func anAcknowledgementThatWasOnItsWayWhenTheConnectionBrokeIsSentAgain() throws {
        var stream = try Stream.subscribed()
        stream.receive(Self.event(1))
        #expect(stream.take("t_1") == "1")
        let number = stream.numbers["t_1"] ?? 0
        _ = try stream.machine.acknowledge(Self.cursor(1), of: "t_1", number: number)
        stream.machine.advance(by: .seconds(1))
        let acknowledged = stream.machine.takeOutgoing()
        #expect(acknowledged.map(\.isAcknowledgement) == [true])
        _ = stream.machine.disconnected(AgentEventsClientError(.closed, "cut"), random: 0)
        _ = stream.machine.connect()
        stream.receive(.welcome(Welcome(heartbeatMilliseconds: 25_000)))
        _ = stream.machine.takeOutgoing()
        stream.receive(.subscribed(nil, "t_1", after: Self.cursor(1), head: nil))
        let again = stream.machine.takeOutgoing()
        #expect(again == acknowledged)
    }

    @Test func aPingIsOwedOnePong() throws {
        var stream = try Stream.subscribed()
        stream.receive(.ping)
        stream.receive(.ping)
        #expect(stream.machine.takeOutgoing() == [ClientMessage(.pong)])
    }

    @Test(arguments: [
        event(1), .subscribed(nil, "t_1", after: nil, head: nil), .live("t_1", cursor: nil),
        .reset("t_1", .trimmed, oldest: nil), .unsubscribed(nil, "t_1"),
    ])
    func nothingAboutThreadsComesBeforeTheWelcome(message: ServerMessage) throws {
        var stream = try Stream()
        #expect(stream.receive(message).leave?.code == .protocolViolation)
    }

    @Test(arguments: [
        event(1, thread: "t_9"), .subscribed(nil, "t_9", after: nil, head: nil), .live("t_9", cursor: nil),
        .reset("t_9", .trimmed, oldest: nil), .unsubscribed(nil, "t_9"), .unsubscribed(nil, "t_1"),
        .welcome(Welcome(heartbeatMilliseconds: nil)), event(2 + 1, thread: "t_8"),
    ])
    func whatNobodyAskedForIsAViolation(message: ServerMessage) throws {
        var stream = try Stream.subscribed()
        #expect(stream.receive(message).leave?.code == .protocolViolation)
    }

    // MARK: Refusals

    @Test func aRefusalThatNamesNothingIsOneOfTheConnection() throws {
        var stream = try Stream.subscribed()
        let actions = stream.receive(
            Self.refusal(ProtocolError.Code(rawValue: "limits.rate"), isRetryable: true, after: 1500))
        let error = try #require(actions.leave)
        #expect(error.code.rawValue == "limits.rate")
        let (action, _) = stream.machine.disconnected(error, random: 0)
        #expect(action == .pause(.milliseconds(1500)))
        #expect(stream.state == "waiting 1.5")
    }

    @Test(arguments: [true, false])
    func aSubscriptionThatIsRefusedForNowIsAskedForAgain(isAnswer: Bool) throws {
        var stream = try Stream()
        stream.receive(.welcome(Welcome(heartbeatMilliseconds: nil)))
        let tag = stream.machine.takeOutgoing().last?.tag
        let actions = stream.receive(
            Self.refusal(
                .log(.failed), answering: isAnswer ? tag : nil, isRetryable: true, after: 1000, thread: "t_1"))
        #expect(actions.leave == nil)
        #expect(actions.needsTime)
        stream.machine.advance(by: .milliseconds(500))
        #expect(stream.machine.takeOutgoing() == [])
        #expect(stream.machine.needsTime)
        stream.machine.advance(by: .milliseconds(500))
        let again = stream.machine.takeOutgoing()
        #expect(try again.map { try Self.thread($0) } == ["t_1"])
        #expect(again.first?.tag != tag)
        #expect(!stream.machine.needsTime)
    }

    @Test func anAnswerToARequestOfNoInterestIsPassedOver() throws {
        var stream = try Stream.subscribed()
        let actions = stream.receive(
            Self.refusal(.threadForbidden, answering: RequestTag(number: 999), thread: "t_1"))
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
        stream.machine.advance(by: .seconds(1))
        let tag = stream.machine.takeOutgoing().first?.tag
        stream.receive(Self.refusal(.operationUnsupported, answering: tag, thread: "t_1"))
        #expect(stream.take("t_1") == "op.unsupported")
        #expect(stream.machine.takeOutgoing().map(Self.isUnsubscribe) == [true])
        #expect(stream.take("t_2") == "1")
    }

    @Test func anAcknowledgementThatIsRefusedForNowIsSentAgain() throws {
        var stream = try Stream.subscribed()
        stream.receive(Self.event(1))
        #expect(stream.take("t_1") == "1")
        _ = try stream.machine.acknowledge(Self.cursor(1), of: "t_1", number: stream.numbers["t_1"] ?? 0)
        stream.machine.advance(by: .seconds(1))
        let sent = stream.machine.takeOutgoing()
        #expect(sent.count == 1)
        stream.receive(Self.refusal(.log(.failed), answering: sent.first?.tag, isRetryable: true))
        stream.machine.advance(by: .seconds(1))
        #expect(stream.machine.takeOutgoing() == sent)
    }

    // MARK: State

    @Test func theStateFollowsTheConnectionAndTheThreads() throws {
        var stream = try Stream()
        #expect(stream.state == "connecting")
        stream.receive(.welcome(Welcome(heartbeatMilliseconds: nil)))
        #expect(stream.state == "catching up")
        for thread in ["t_1", "t_2"] as [ThreadID] {
            #expect(stream.state == "catching up")
            stream.receive(.subscribed(nil, thread, after: nil, head: nil))
            stream.receive(.live(thread, cursor: nil))
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

    // MARK: Tokens

    /// The new token does not allow one of the threads; the other one continues.
    @Test func aThreadThatTheServiceEndsIsOverForItsReaderOnly() throws {
        var stream = try Stream.subscribed()
        stream.receive(Self.event(1))
        let actions = stream.receive(.unsubscribed(nil, "t_1", code: .threadForbidden))
        #expect(actions.leave == nil)
        #expect(actions.readers == [stream.numbers["t_1"]])
        #expect(stream.take("t_1") == "1")
        #expect(stream.take("t_1") == "thread.forbidden")
        stream.receive(Self.event(1, thread: "t_2"))
        #expect(stream.take("t_2") == "1")
        // Nothing is asked of the service, also not by the next connection.
        #expect(stream.machine.takeOutgoing() == [])
        _ = stream.machine.disconnected(AgentEventsClientError(.closed, "", closeCode: 1006), random: 0)
        _ = stream.machine.connect()
        stream.receive(.welcome(Welcome(heartbeatMilliseconds: 25_000)))
        #expect(try stream.machine.takeOutgoing().map { try Self.thread($0) } == ["t_2"])
    }

    /// It has unsubscribed already, and both messages cross.
    @Test func anEndThatCrossesAnUnsubscribeIsItsAnswer() throws {
        var stream = try Stream.subscribed()
        stream.machine.unfollow("t_1", number: try #require(stream.numbers["t_1"]))
        let tag = try #require(stream.machine.takeOutgoing().last?.tag)
        #expect(stream.receive(.unsubscribed(nil, "t_1", code: .threadForbidden)).leave == nil)
        #expect(stream.receive(Self.refusal(.subscriptionUnknown, answering: tag, thread: "t_1")).leave == nil)
    }

    @Test(arguments: [(true, "waiting 0.0"), (false, "refused auth.expired")])
    func aConnectionThatEndsWithItsTokenIsOpenedAgainWithAnother(hasProvider: Bool, state: String) throws {
        var stream = try Stream()
        stream.machine = StreamStateMachine(hasTokenProvider: hasProvider)
        _ = stream.machine.connect()
        stream.receive(.welcome(Welcome(heartbeatMilliseconds: 25_000)))
        let error = AgentEventsClientError(closeCode: 4401, reason: "auth.expired")
        #expect(error.code.rawValue == "auth.expired")
        _ = stream.machine.disconnected(error, random: 0)
        #expect(stream.state == state)
        guard hasProvider else { return }
        _ = stream.machine.connect()
        _ = stream.machine.disconnected(error, random: 0)
        #expect(stream.state == "refused auth.expired")
    }
}
