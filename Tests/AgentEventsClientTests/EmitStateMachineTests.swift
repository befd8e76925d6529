import AgentEvents
import AgentEventsClient
import AgentEventsProtocol
import Testing

@Suite struct EmitStateMachineTests {
    private static func configuration(_ change: (inout EmitConfiguration) -> Void = { _ in }) -> EmitConfiguration {
        var configuration = EmitConfiguration(keyPrefix: "k")
        change(&configuration)
        return configuration
    }

    private static func item(_ line: Int, thread: ThreadID = "t", _ text: String = "{}") -> EmitItem {
        EmitItem(line: line, thread: thread, bytes: Array(text.utf8))
    }

    /// A machine with an open connection.
    private static func open(
        _ configuration: EmitConfiguration = configuration(),
        limits: EmitLimits = EmitLimits()
    ) -> EmitStateMachine {
        var machine = EmitStateMachine(configuration)
        #expect(machine.next(now: .zero) == .connect)
        machine.welcome(limits)
        return machine
    }

    private static func cursors(_ numbers: ClosedRange<UInt64>) -> [Cursor] {
        numbers.map { Cursor(generation: 1, sequence: $0) }
    }

    private static let broken = AgentEventsClientError(.closed, "broken", closeCode: 1006)

    private static func text(_ message: [UInt8]?) -> String? { message.map { String(decoding: $0, as: UTF8.self) } }

    private func isReport(_ action: EmitStateMachine.ReceiveAction) -> Bool {
        if case .report = action { true } else { false }
    }

    @Test func whatIsThereIsSentTogetherUpToTheLimits() {
        var limits = EmitLimits()
        limits.maximumMessageByteCount = 400
        var machine = Self.open(Self.configuration { $0.maximumBatchCount = 3 }, limits: limits)
        #expect(machine.takeRequest() == nil)
        for line in [2, 4, 5] { machine.offer(Self.item(line), now: .zero) }
        #expect(machine.isFull)
        #expect(
            Self.text(machine.takeRequest())
                == #"{"op":"emit","req":1,"thread_id":"t","key":"k-2-5","events":[{},{},{}]}"#)
        #expect(!machine.isFull)
        // One request is on its way at a time.
        machine.offer(Self.item(6), now: .zero)
        #expect(machine.takeRequest() == nil)
        #expect(!isReport(machine.emitted(RequestTag(number: 9), Self.cursors(1...3))))
        #expect(isReport(machine.emitted(RequestTag(number: 1), Self.cursors(1...3))))
        // Nothing happens before it is reported.
        #expect(machine.takeRequest() == nil)
        machine.reported()
        #expect(machine.progress.committedCount == 3)
        #expect(machine.progress.lastCommittedLine == 5)
        // Another thread, and what does not fit, wait for the next request.
        machine.offer(Self.item(7, thread: "u", #""\#(String(repeating: "x", count: 150))""#), now: .zero)
        machine.offer(Self.item(8, thread: "u", #""\#(String(repeating: "y", count: 150))""#), now: .zero)
        for (request, key) in [(2, "k-6"), (3, "k-7"), (4, "k-8")] as [(Int64, String)] {
            let text = Self.text(machine.takeRequest()) ?? ""
            #expect(text.contains(#""req":\#(request),"#) && text.contains(#""key":"\#(key)""#), "\(text)")
            #expect(isReport(machine.emitted(RequestTag(number: request), Self.cursors(1...1))))
            machine.reported()
        }
        machine.endInput()
        #expect(machine.phase == .over)
        #expect(machine.failure == nil)
    }

    @Test func whatWasNotAnsweredIsSentAgainUnderTheSameKey() {
        var machine = Self.open()
        machine.offer(Self.item(1), now: .zero)
        machine.offer(Self.item(2), now: .zero)
        let first = Self.text(machine.takeRequest())
        #expect(machine.disconnected(Self.broken, now: .seconds(1), random: 0.5) == .retry(isNews: true))
        machine.offer(Self.item(3), now: .seconds(1))
        machine.endInput()
        #expect(machine.next(now: .seconds(1)) == .pause(.milliseconds(125)))
        #expect(machine.next(now: .seconds(1.125)) == .connect)
        #expect(machine.takeRequest() == nil)
        machine.welcome(EmitLimits())
        // What came later is not joined to it: its key stands for these events.
        #expect(Self.text(machine.takeRequest()) == first?.replacing(#""req":1"#, with: #""req":2"#))
        // The answer to the old request is of no interest.
        #expect(!isReport(machine.emitted(RequestTag(number: 1), Self.cursors(1...2))))
        #expect(isReport(machine.emitted(RequestTag(number: 2), Self.cursors(1...2))))
        machine.reported()
        #expect(Self.text(machine.takeRequest())?.contains(#""key":"k-3""#) == true)
        #expect(isReport(machine.emitted(RequestTag(number: 3), Self.cursors(3...3))))
        machine.reported()
        #expect(machine.phase == .over)
        #expect(machine.progress.committedCount == 3)
    }

    @Test func aFirstConnectionThatFailsIsTheEndUnlessItIsWaitedFor() {
        var machine = EmitStateMachine(Self.configuration())
        #expect(machine.next(now: .zero) == .connect)
        #expect(machine.disconnected(Self.broken, now: .zero, random: 0) == .stop)
        guard case .unavailable(_, after: nil)? = machine.failure else {
            Issue.record("\(String(describing: machine.failure))")
            return
        }
        var patient = EmitStateMachine(Self.configuration { $0.waitsForFirstConnection = true })
        #expect(patient.next(now: .zero) == .connect)
        #expect(patient.disconnected(Self.broken, now: .zero, random: 0) == .retry(isNews: true))
        #expect(patient.next(now: .zero) == .connect)
        #expect(patient.disconnected(Self.broken, now: .seconds(600), random: 0) == .stop)
    }

    @Test func itGivesUpAfterTheTimeInWhichNothingWasCommitted() {
        var machine = Self.open(Self.configuration { $0.giveUpTimeout = .seconds(10) })
        // Nothing waits: the time does not count, and nothing is tried.
        #expect(machine.disconnected(Self.broken, now: .zero, random: 0) == .retry(isNews: true))
        #expect(machine.next(now: .seconds(100)) == .rest)
        machine.offer(Self.item(1), now: .seconds(100))
        #expect(machine.next(now: .seconds(100)) == .connect)
        #expect(machine.disconnected(Self.broken, now: .seconds(109), random: 0.99) == .retry(isNews: false))
        // The last attempt is made when the time is over.
        #expect(machine.next(now: .seconds(109.75)) == .connect)
        machine.welcome(EmitLimits())
        #expect(machine.takeRequest() != nil)
        #expect(machine.disconnected(Self.broken, now: .seconds(110), random: 0) == .stop)
        guard case .unavailable(_, after: .seconds(10)?)? = machine.failure else {
            Issue.record("\(String(describing: machine.failure))")
            return
        }
        #expect(machine.progress.unanswered == 1...1)
        #expect(machine.next(now: .seconds(110)) == .stop)
        // What is offered later is of no interest.
        machine.offer(Self.item(2), now: .seconds(111))
        #expect(machine.takeRequest() == nil)
    }

    @Test func aPauseThatTheServiceAsksForIsKept() {
        var machine = Self.open()
        machine.offer(Self.item(1), now: .zero)
        machine.drain(for: .seconds(20))
        #expect(machine.takeRequest() != nil)
        #expect(machine.disconnected(Self.broken, now: .zero, random: 0.1) == .retry(isNews: true))
        #expect(machine.next(now: .seconds(5)) == .pause(.seconds(15)))
        #expect(machine.next(now: .seconds(20)) == .connect)
        var declined = AgentEventsClientError(.declined, "later", status: 503)
        declined.retryAfter = .seconds(30)
        #expect(machine.disconnected(declined, now: .seconds(20), random: 0.1) == .retry(isNews: false))
        #expect(machine.next(now: .seconds(20)) == .pause(.seconds(30)))
    }

    @Test func aServiceThatStopsSaysWithItsCloseWhenToComeBack() {
        var machine = Self.open()
        machine.offer(Self.item(1), now: .zero)
        machine.drain(for: .seconds(20))
        let closed = AgentEventsClientError(closeCode: 1001, reason: "reconnect_after_ms=3000")
        #expect(closed.retryAfter == .seconds(3))
        #expect(machine.disconnected(closed, now: .zero, random: 0.9) == .retry(isNews: true))
        #expect(machine.next(now: .zero) == .pause(.seconds(3)))
        #expect(machine.next(now: .seconds(3)) == .connect)
    }

    @Test(arguments: [(404, true), (502, true), (401, false), (403, false), (400, false)])
    func whatStandsInFrontOfAServiceThatIsReplacedIsNotFinal(status: Int, isRetried: Bool) {
        var machine = Self.open()
        machine.offer(Self.item(1), now: .zero)
        let declined = AgentEventsClientError(.declined, "no", status: status)
        #expect((machine.disconnected(declined, now: .zero, random: 0) == .retry(isNews: true)) == isRetried)
    }

    @Test func whatStandsBeforeARefusedEventIsCommitted() {
        var machine = Self.open()
        for line in 1...4 { machine.offer(Self.item(line), now: .zero) }
        #expect(machine.takeRequest() != nil)
        var refusal = ProtocolError(.order(.callNotOpen), "no", index: 2)
        refusal.tag = RequestTag(number: 1)
        guard case .proceed = machine.refused(refusal) else {
            Issue.record("the feed does not proceed")
            return
        }
        #expect(machine.phase == .open)
        #expect(Self.text(machine.takeRequest())?.contains(#""key":"k-1-2","events":[{},{}]"#) == true)
        #expect(isReport(machine.emitted(RequestTag(number: 2), Self.cursors(1...2))))
        machine.reported()
        guard case .refused(refusal, lines: 3...3)? = machine.failure else {
            Issue.record("\(String(describing: machine.failure))")
            return
        }
        #expect(machine.phase == .over)
        #expect(machine.progress.committedCount == 2)
    }

    @Test func aRefusalThatMayPassIsWaitedOut() {
        var machine = Self.open()
        machine.offer(Self.item(1), now: .zero)
        #expect(machine.takeRequest() != nil)
        var refusal = ProtocolError(.log(.full), "no", isRetryable: true, retryAfterMilliseconds: 4000)
        refusal.tag = RequestTag(number: 1)
        guard case .leave(let error) = machine.refused(refusal) else {
            Issue.record("the feed stays")
            return
        }
        #expect(machine.disconnected(error, now: .zero, random: 0) == .retry(isNews: true))
        #expect(machine.next(now: .zero) == .pause(.seconds(4)))
    }

    @Test func anEventThatFitsIntoNoMessageIsNamed() {
        var limits = EmitLimits()
        limits.maximumMessageByteCount = 300
        var machine = Self.open(limits: limits)
        machine.offer(Self.item(7, String(repeating: "x", count: 280)), now: .zero)
        #expect(machine.takeRequest() == nil)
        guard case .tooLarge(line: 7, byteCount: 280, maximum: 300)? = machine.failure else {
            Issue.record("\(String(describing: machine.failure))")
            return
        }
    }

    @Test func anInterruptedFeedDoesNotStayLongWithoutAService() {
        var machine = Self.open()
        machine.offer(Self.item(1), now: .zero)
        #expect(machine.disconnected(Self.broken, now: .zero, random: 0) == .retry(isNews: true))
        machine.interrupt(now: .seconds(60))
        #expect(machine.isInterrupted)
        #expect(machine.next(now: .seconds(60)) == .connect)
        #expect(machine.disconnected(Self.broken, now: .seconds(64), random: 0.5) == .retry(isNews: false))
        #expect(machine.next(now: .seconds(65)) == .connect)
        #expect(machine.disconnected(Self.broken, now: .seconds(65), random: 0) == .stop)
    }

    @Test func readingAheadIsBounded() {
        var machine = Self.open(Self.configuration { $0.readAheadByteCount = 10 })
        machine.offer(Self.item(1, "12345678"), now: .zero)
        #expect(!machine.isFull)
        machine.offer(Self.item(2, "12345678"), now: .zero)
        #expect(machine.isFull)
        #expect(machine.takeRequest() != nil)
        #expect(!machine.isFull)
    }
}
