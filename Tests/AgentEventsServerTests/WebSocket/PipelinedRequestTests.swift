import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTestSupport
import Synchronization
import Testing

/// What one connection sends is applied in order, and every request is answered, over real sockets.
@Suite(.timeLimit(.minutes(10)))
struct PipelinedRequestTests {
    /// What a client may send about a thread, with the mark and the thread left out.
    enum Request: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case subscribeNow = #"{"op":"subscribe","after":"now""#
        case subscribeStart = #"{"op":"subscribe","after":"start""#
        case subscribeCursor = #"{"op":"subscribe","after":"1-900""#
        case subscribeSnapshot = #"{"op":"subscribe","after":"snapshot""#
        case subscribeConsumer = #"{"op":"subscribe","consumer":"c""#
        case unsubscribe = #"{"op":"unsubscribe""#
        case acknowledge = #"{"op":"ack","cursor":"1-900""#
        case emit = #"{"op":"emit","events":[{"type":"custom","data":{"name":"n","value":1}}]"#
        case ping = #"{"op":"ping""#
        case malformed = #"{"op":"subscribe","after":"nowhere""#

        var testDescription: String { "\(self)" }

        func text(_ number: Int, _ thread: String) -> String {
            self == .ping
                ? rawValue + #","req":\#(number)}"# : rawValue + #","req":\#(number),"thread_id":"\#(thread)"}"#
        }

        var subscribes: Bool {
            switch self {
            case .subscribeNow, .subscribeStart, .subscribeCursor, .subscribeSnapshot, .subscribeConsumer: true
            case .unsubscribe, .acknowledge, .emit, .ping, .malformed: false
            }
        }
    }

    /// What is answered when each request waits for the one before: the op, or the code of an error.
    private struct SerialModel {
        private var isFollowed = false

        mutating func answer(to request: Request) -> String {
            switch request {
            case .subscribeNow, .subscribeStart, .subscribeCursor, .subscribeSnapshot, .subscribeConsumer:
                defer { isFollowed = true }
                return isFollowed ? "subscription.exists" : "subscribed"
            case .unsubscribe:
                defer { isFollowed = false }
                return isFollowed ? "unsubscribed" : "subscription.unknown"
            case .acknowledge: return isFollowed ? "ack.not_sent" : "subscription.unknown"
            case .emit: return "emitted"
            case .ping: return "pong"
            case .malformed: return "cursor.invalid"
            }
        }
    }

    private struct Answers {
        /// By the marks of the requests.
        var words: [Int: String] = [:]
        /// The marks, in the order of the answers.
        var order: [Int] = []
        var messages: [JSONValue] = []

        func message(_ op: String) -> JSONValue? { messages.first { $0["op"]?.stringValue == op } }
        var events: [JSONValue] { messages.filter { $0["type"] != nil } }
    }

    /// Reads until each request has its answer.
    private static func answers(_ count: Int, _ socket: RawWebSocket) async throws -> Answers {
        var answers = Answers()
        while answers.order.count < count {
            let message = try await socket.message()
            answers.messages.append(message)
            guard let number = message["req"]?.integerValue.map({ Int($0) }) else { continue }
            let word = message["code"]?.stringValue ?? message["op"]?.stringValue
            #expect(answers.words.updateValue(word ?? "", forKey: number) == nil, "\(number) is answered twice")
            answers.order.append(number)
        }
        return answers
    }

    /// Every ordered pair in one packet: each is answered once, and as if the second one had waited for the first.
    @Test(arguments: Request.allCases)
    func everyPairIsAnsweredAsIfOneByOne(_ first: Request) async throws {
        try await withRunningService { service in
            for second in Request.allCases {
                for isSameThread in [true, false] {
                    let name = "\(first)_\(second)_\(isSameThread)"
                    let (one, other) = (name, isSameThread ? name : "\(name)_2")
                    try await service.withWebSocket { socket in
                        try await socket.send(together: [first.text(1, one), second.text(2, other)])
                        let answers = try await Self.answers(2, socket)
                        var (model, otherModel) = (SerialModel(), SerialModel())
                        let due = model.answer(to: first)
                        let dueNext = isSameThread ? model.answer(to: second) : otherModel.answer(to: second)
                        #expect(answers.words == [1: due, 2: dueNext], "\(name)")
                        let mayOvertake = !isSameThread || [.ping, .malformed].contains(second)
                        let isBetween = first == .emit && second == .acknowledge
                        if !mayOvertake, !isBetween { #expect(answers.order == [1, 2], "\(name)") }
                        // Nothing is left behind: both threads can be followed and left as ever.
                        try await socket.send(
                            together: [
                                Request.unsubscribe.text(3, one), Request.subscribeNow.text(4, one),
                                Request.unsubscribe.text(5, one),
                            ])
                        let rest = try await Self.answers(3, socket)
                        #expect(
                            rest.order == [3, 4, 5] && rest.words[4] == "subscribed" && rest.words[5] == "unsubscribed")
                    }
                }
            }
        }
    }

    /// The position is fixed in the order of arrival.
    @Test(arguments: [Request.subscribeNow, .subscribeStart, .subscribeSnapshot, .subscribeConsumer])
    func whatIsEmittedAfterASubscriptionIsDeliveredAndSubscribedComesFirst(_ subscribe: Request) async throws {
        try await withRunningService { service in
            for round in 0..<50 {
                try await service.withWebSocket { socket in
                    let thread = "t_\(round)"
                    try await socket.send(
                        together: [
                            subscribe.text(1, thread), Request.emit.text(2, thread), Request.emit.text(3, thread),
                            Request.unsubscribe.text(4, thread),
                        ])
                    let answers = try await Self.answers(4, socket)
                    #expect(answers.order == [1, 2, 3, 4])
                    #expect(answers.message("subscribed")?["after"] == .null)
                    #expect(answers.message("subscribed")?["head"] == .null)
                    #expect(answers.events.compactMap { $0["seq"]?.integerValue } == [1, 2])
                }
            }
        }
    }

    @Test func whatIsEmittedBeforeASubscriptionLiesBeforeIt() async throws {
        try await withRunningService { service in
            for round in 0..<50 {
                try await service.withWebSocket { socket in
                    let thread = "t_\(round)"
                    try await socket.send(
                        together: [
                            Request.emit.text(1, thread), Request.subscribeNow.text(2, thread),
                            Request.emit.text(3, thread), Request.unsubscribe.text(4, thread),
                            Request.emit.text(5, thread), Request.subscribeStart.text(6, thread),
                        ])
                    let answers = try await Self.answers(6, socket)
                    #expect(answers.order == [1, 2, 3, 4, 5, 6])
                    let first = try #require(answers.message("emitted")?["cursors"]?.arrayValue?.first)
                    #expect(answers.message("subscribed")?["after"] == first)
                    #expect(answers.message("subscribed")?["head"] == first)
                    #expect(answers.events.compactMap { $0["seq"]?.integerValue } == [2])
                    let (rest, _) = try await socket.messages(until: "live")
                    #expect(rest.compactMap { $0["seq"]?.integerValue } == [1, 2, 3])
                }
            }
        }
    }

    /// A slow look-up holds up what is about its thread, and nothing else.
    @Test func aSlowLookUpHoldsUpItsThreadOnly() async throws {
        let log = HeldLookUps(of: "slow")
        try await withRunningService(log: log) { service in
            try await service.withWebSocket { socket in
                try await socket.send(
                    together: [
                        Request.subscribeNow.text(1, "slow"), Request.emit.text(2, "slow"),
                        Request.unsubscribe.text(3, "slow"), Request.acknowledge.text(4, "slow"),
                        Request.subscribeNow.text(5, "fast"), Request.emit.text(6, "fast"),
                        Request.acknowledge.text(7, "fast"), Request.unsubscribe.text(8, "fast"),
                    ])
                let fast = try await Self.answers(4, socket)
                #expect(Set(fast.order) == [5, 6, 7, 8])
                #expect(fast.events.compactMap { $0["seq"] } == [1])
                log.letGo()
                let slow = try await Self.answers(4, socket)
                #expect(slow.order == [1, 2, 3, 4])
                #expect(slow.events.compactMap { $0["seq"] } == [1])
                #expect(slow.words[4] == "subscription.unknown")
            }
        }
    }

    /// What fails is answered, and what waited for it goes on.
    @Test func aFailedLookUpIsAnsweredAndTheNextOneIsTried() async throws {
        let log = HeldLookUps(of: "slow")
        try await withRunningService(log: log) { service in
            try await service.withWebSocket { socket in
                try await socket.send(
                    together: [
                        Request.subscribeNow.text(1, "slow"), Request.unsubscribe.text(2, "slow"),
                        Request.subscribeNow.text(3, "slow"), Request.subscribeNow.text(4, "slow"),
                    ])
                try await socket.send(Request.ping.text(5, "slow"))
                #expect(try await Self.answers(1, socket).words == [5: "pong"])
                log.failOnce()
                let answers = try await Self.answers(4, socket)
                #expect(answers.order == [1, 2, 3, 4])
                #expect(
                    answers.words == [
                        1: "log.failed", 2: "subscription.unknown", 3: "subscribed", 4: "subscription.exists",
                    ])
            }
        }
    }

    /// An emission that is refused, or cannot be committed for long, does not take what follows with it.
    @Test func whatFollowsASlowOrARefusedEmissionIsAnswered() async throws {
        let log = HeldLog()
        try await withRunningService(log: log) { service in
            defer { log.letAppendsGo() }
            try await service.withWebSocket { socket in
                _ = try await socket.message()
                log.holdAppends()
                let refused =
                    #"{"op":"emit","req":2,"thread_id":"t","events":[{"type":"agent_paused","run_id":"r","data":{}}]}"#
                try await socket.send(
                    together: [
                        Request.emit.text(1, "t"), refused, Request.subscribeNow.text(3, "t"),
                        Request.subscribeNow.text(4, "u"), Request.unsubscribe.text(5, "u"),
                    ])
                await log.waitForAppend()
                let other = try await Self.answers(2, socket)
                #expect(other.words == [4: "subscribed", 5: "unsubscribed"])
                log.letAppendsGo()
                let answers = try await Self.answers(3, socket)
                #expect(answers.order == [1, 2, 3])
                #expect(answers.words == [1: "emitted", 2: "order.not_started", 3: "subscribed"])
                #expect(
                    answers.message("subscribed")?["after"] == answers.message("emitted")?["cursors"]?.arrayValue?[0])
            }
        }
    }

    /// The service closes when everything is answered, also what waited.
    @Test func whatWaitsIsAnsweredBeforeTheServiceCloses() async throws {
        let log = HeldLookUps(of: "slow")
        try await withRunningService(log: log) {
            $0.shutdownGrace = .seconds(60)
        } _: { service in
            try await service.withWebSocket { socket in
                try await socket.send(
                    together: [
                        Request.subscribeNow.text(1, "slow"), Request.emit.text(2, "slow"),
                        Request.unsubscribe.text(3, "slow"), Request.subscribeNow.text(4, "slow"),
                        Request.ping.text(5, "slow"),
                    ])
                #expect(try await Self.answers(1, socket).words == [5: "pong"])
                await service.shutDown()
                let drain = try await socket.messages(until: "drain").message
                log.letGo()
                let answers = try await Self.answers(4, socket)
                #expect(answers.order == [1, 2, 3, 4])
                #expect(answers.events.compactMap { $0["seq"] } == [1])
                #expect(answers.words == [1: "subscribed", 2: "emitted", 3: "unsubscribed", 4: "server.stopping"])
                #expect(try await socket.close() == .goingAway(after: drain))
            }
        }
    }

    @Test func theLimitOfThreadsCountsInTheOrderOfArrival() async throws {
        try await withRunningService {
            $0.maximumSubscriptionsPerConnection = 1
        } _: { service in
            try await service.withWebSocket { socket in
                try await socket.send(
                    together: [
                        Request.subscribeSnapshot.text(1, "a"), Request.subscribeNow.text(2, "b"),
                        Request.unsubscribe.text(3, "a"), Request.subscribeNow.text(4, "b"),
                        Request.subscribeNow.text(5, "a"),
                    ])
                let answers = try await Self.answers(5, socket)
                #expect(answers.words[1] == "subscribed" && answers.words[3] == "unsubscribed")
                #expect(answers.words[4] == "subscribed")
                #expect(answers.words[2] == answers.words[5])
                #expect(answers.words[2]?.hasPrefix("limits.") == true)
            }
        }
    }
}

/// A log in which nobody learns of one thread until the test lets them.
private final class HeldLookUps: ForwardingLog {
    private struct State {
        var holds = true
        var fails = 0
        var held: [CheckedContinuation<Void, Never>] = []
    }

    let log = InMemoryEventLog()
    private let slow: ThreadID
    private let state = Mutex(State())

    init(of thread: ThreadID) { slow = thread }

    func letGo() { release(failing: 0) }

    /// The first look-up fails, and the others do not wait any longer.
    func failOnce() { release(failing: 1) }

    private func release(failing count: Int) {
        let held = state.withLock { state in
            state.holds = false
            state.fails = count
            defer { state.held = [] }
            return state.held
        }
        for waiter in held { waiter.resume() }
    }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        guard thread == slow else { return try await log.thread(thread) }
        await withCheckedContinuation { continuation in
            let waits = state.withLock { state in
                if state.holds { state.held.append(continuation) }
                return state.holds
            }
            if !waits { continuation.resume() }
        }
        let isFailing = state.withLock { state in
            defer { state.fails = max(0, state.fails - 1) }
            return state.fails > 0
        }
        if isFailing { throw EventLogError(.failed, "failed by the test") }
        return try await log.thread(thread)
    }

}
