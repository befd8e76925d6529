import Testing

@testable import AgentEventsHub

/// Heartbeats at an interval of 10 and a sweep every 2, by a clock that the tests turn.
struct HeartbeatStateMachineTests {
    typealias Machine = HeartbeatStateMachine

    enum Traffic: Sendable { case none, received, wrote, both, blocked }

    private static let ping = "ping", message = "message", pingAndMessage = "ping and message"

    private static func words(_ action: Machine.Action) -> String {
        switch action {
        case .none: ""
        case .send(true, true): pingAndMessage
        case .send(true, false): ping
        case .send(false, true): message
        case .send(false, false): "nothing to send"
        case .close: "close"
        }
    }

    /// What each sweep brings, until the connection is closed.
    private static func sweep(_ traffic: [Traffic]) -> [String] {
        var machine = Machine(interval: 10)
        var actions: [String] = []
        for item in traffic {
            switch item {
            case .none, .blocked: break
            case .received: machine.received()
            case .wrote: machine.wrote()
            case .both:
                machine.received()
                machine.wrote()
            }
            actions.append(words(machine.sweep(elapsed: 2, isBlocked: item == .blocked)))
            if actions.last == "close" { break }
        }
        return actions
    }

    @Test func aConnectionWithTrafficInBothDirectionsIsLeftAlone() {
        #expect(Self.sweep(Array(repeating: .both, count: 50)).allSatisfy { $0.isEmpty })
    }

    @Test func aSilentConnectionIsPingedOnceAndClosedTwoIntervalsLater() {
        let actions = Self.sweep(Array(repeating: .none, count: 30))
        let expected =
            ["", "", "", "", Self.pingAndMessage, "", "", "", "", Self.message] + ["", "", "", ""] + ["close"]
        #expect(actions == expected)
    }

    /// It is told of no more than that the connection is there, and its silence means nothing.
    @Test func aClientThatCanSayNothingIsPingedWhenNothingWasWrittenAndNeverClosed() {
        var machine = Machine(interval: 10, isOneWay: true)
        var actions: [String] = []
        for number in 0..<40 {
            if number == 12 { machine.wrote() }
            actions.append(Self.words(machine.sweep(elapsed: 2, isBlocked: (20..<25).contains(number))))
        }
        let pings = actions.indices.filter { actions[$0] != "" }
        #expect(pings == [4, 9, 17, 29, 34, 39])
        #expect(pings.allSatisfy { actions[$0] == Self.ping })
    }

    @Test func anAnswerInTheLastMomentCounts() {
        let silence = Array(repeating: Traffic.none, count: 14)
        let actions = Self.sweep(silence + [.received] + silence + [.none])
        #expect(actions.count(where: { $0.contains(Self.ping) && $0 != "" }) == 2)
        #expect(actions.firstIndex(of: "close") == 29)
    }

    @Test func aReaderThatOnlyListensGetsPingsAndNoMessages() {
        let actions = Self.sweep(Array(repeating: .wrote, count: 14))
        #expect(actions == ["", "", "", "", Self.ping] + Array(repeating: "", count: 9))
    }

    @Test func aClientThatOnlySendsGetsMessagesAndNoPings() {
        let actions = Self.sweep(Array(repeating: .received, count: 20))
        #expect(actions.enumerated().allSatisfy { $1 == (($0 + 1) % 5 == 0 ? Self.message : "") })
    }

    /// A ping behind bytes that nobody takes proves nothing; whether they are taken is judged elsewhere.
    @Test func whileBytesWaitThereAreNoHeartbeats() {
        let blocked = Array(repeating: Traffic.blocked, count: 100)
        #expect(Self.sweep(blocked).allSatisfy { $0.isEmpty })
        let afterwards = Self.sweep(blocked + [.none])
        #expect(afterwards.last == Self.ping)
        let pinged = Self.sweep(Array(repeating: .none, count: 10) + blocked + Array(repeating: .none, count: 5))
        #expect(pinged.count == 115)
        #expect(pinged.last == "close")
    }

    @Test func aLongSilenceDoesNotOverflow() {
        var machine = Machine(interval: .max)
        for _ in 0..<3 { _ = machine.sweep(elapsed: .max, isBlocked: false) }
        let action = machine.sweep(elapsed: .max, isBlocked: false)
        #expect(action != .close)
    }
}
