import AgentEvents
import AgentEventsProtocol
import AgentEventsTesting
import CoreMetrics
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import AgentEventsHub

/// What a session and its transport owe each other, with transports that owe much.
@Suite(.timeLimit(.minutes(10)))
struct TransportContractTests {
    private static let subscribe = #"{"op":"subscribe","thread_id":"t_1","after":"start"}"#

    private static func emit(_ request: Int) -> String {
        #"{"op":"emit","req":\#(request),"thread_id":"t_1","events":[{"type":"custom","data":{"name":"n","value":1}}]}"#
    }

    // MARK: After the end

    enum End: CaseIterable, Sendable {
        case closedByTheSession, lost, lostTwice, closedAndLost
    }

    /// Whatever comes late: the transport is gone, and is not asked for anything.
    @Test(arguments: End.allCases)
    func nothingIsAskedOfATransportAfterItsEnd(end: End) async throws {
        try await TransportStage.with { stage in
            let ends = try await stage.adopt(on: stage.group.next())
            try await ends.send(Self.subscribe)
            try await ends.wait { $0.operations.contains("live") }
            let count = try await ends.onLoop { transport, session in
                switch end {
                case .closedByTheSession:
                    session.close(.protocolError, reason: "a rule")
                    session.close(.protocolError, reason: "a rule")
                case .lost:
                    session.closed()
                case .lostTwice:
                    session.closed()
                    session.closed()
                case .closedAndLost:
                    session.close(.protocolError, reason: "a rule")
                    session.closed()
                }
                // What it would be asked from here on is noted.
                transport.close(.goingAway, reason: "")
                let before = transport.callsAfterClose.count
                for text in [Self.emit(1), #"{"op":"ping"}"#, Self.subscribe, "", "nonsense"] {
                    session.receive(ByteBuffer(string: text))
                }
                session.didHear()
                session.didWriteControl(byteCount: 10)
                session.readComplete()
                session.writabilityChanged()
                session.beginLeaving()
                session.close(.internalError, reason: "late")
                return before
            }
            try await stage.log(3)
            try await ends.onLoop { transport, _ in
                #expect(transport.callsAfterClose.dropFirst(count).isEmpty)
                #expect(transport.sequences.isEmpty)
            }
        }
    }

    /// Whether the hub stops in time or not, a client knows when to come back before its connection is closed.
    @Test func aServerThatStopsBeforeItsHubTellsItsClients() async throws {
        var limits = StreamLimits.patient
        limits.leaveMilliseconds = 1
        limits.reconnectMilliseconds = 5
        try await TransportStage.with(limits: limits) { stage in
            let ends = try await stage.adopt(on: stage.group.next())
            try await ends.onLoop { _, session in session.beginLeaving() }
            try await ends.wait { $0.close != nil }
            try await ends.onLoop { transport, _ in
                #expect(transport.operations == ["welcome", "drain"])
                let wait = transport.messages.last?["reconnect_in_ms"]?.integerValue ?? -1
                #expect((0...5).contains(wait))
                #expect(transport.close == .goingAway)
                #expect(transport.closeReason == "reconnect_after_ms=\(wait)")
            }
        }
    }

    /// Where nothing was announced, because the log has failed, a client is told with the close, and each another time.
    @Test func aHubThatStopsAtOnceTellsItsClientsWithTheClose() async throws {
        var limits = StreamLimits.patient
        limits.reconnectMilliseconds = 1_000_000
        try await TransportStage.with(limits: limits) { stage in
            var all: [TransportEnds] = []
            let eventLoop = stage.group.next()
            for _ in 0..<20 { all.append(try await stage.adopt(on: eventLoop)) }
            stage.hub.services.delivery.closeSessions(waitsForAnswers: false)
            var waits: Set<Int64> = []
            for ends in all {
                try await ends.wait { $0.close != nil }
                try await ends.onLoop { transport, _ in
                    #expect(transport.close == .goingAway)
                    #expect(transport.operations == ["welcome"])
                }
                let reason = try await ends.onLoop { transport, _ in transport.closeReason }
                let wait = try #require(reason.flatMap { ReconnectDelay(reason: $0) }).milliseconds
                #expect((0...200).contains(wait))
                waits.insert(wait)
            }
            // Two may be alike by chance, and not ten.
            #expect(waits.count > 10)
        }
    }

    // MARK: Messages

    @Test func messagesOfEverySizeAreAnsweredUpToTheLargest() async throws {
        try await TransportStage.with { stage in
            let ends = try await stage.adopt(on: stage.group.next())
            try await ends.send("")
            try await ends.wait { $0.operations == ["welcome", "error"] }
            // Large, and not UTF-8.
            try await ends.onLoop { _, session in
                session.receive(ByteBuffer(bytes: Array(#"{"op":""#.utf8) + [0xFF] + Array(#""}"#.utf8)))
            }
            try await ends.wait { $0.operations == ["welcome", "error", "error"] }
            let ping = #"{"op":"ping","req":1}"#
            try await ends.send(ping + String(repeating: " ", count: 1024 * 1024 - ping.utf8.count))
            try await ends.wait { $0.operations == ["welcome", "error", "error", "pong"] }
            try await ends.send(ping + String(repeating: " ", count: 1024 * 1024 - ping.utf8.count + 1))
            try await ends.wait { $0.close == .tooBig }
        }
    }

    // MARK: Writability

    /// It gets its answers, and then is not read from; events wait in the log.
    @Test func aTransportThatIsNeverWritableGetsNoEventsAndIsNotReadFromForLong() async throws {
        try await TransportStage.with { stage in
            try await stage.log(10)
            let ends = try await stage.adopt(on: stage.group.next())
            try await ends.onLoop { transport, _ in transport.writable = { false } }
            try await ends.send(Self.subscribe)
            try await ends.wait { $0.operations.contains("subscribed") }
            try await stage.log(10)
            let sentCount = try await ends.onLoop { transport, session in
                var count = 0
                while transport.isReading, count < 100_000 {
                    session.receive(ByteBuffer(string: #"{"op":"ping"}"#))
                    count += 1
                }
                session.readComplete()
                return count
            }
            #expect(sentCount < 100_000)
            try await ends.onLoop { transport, session in
                #expect(transport.sequences.isEmpty)
                #expect(transport.writtenByteCount < 80 * 1024)
                transport.writable = { true }
                session.writabilityChanged()
            }
            try await ends.wait { $0.sequences == Array(1...20) && $0.isReading }
        }
    }

    /// Writable for one write at a time, and told in the next turn: each event comes once, in order.
    @Test func aTransportThatTakesOneWriteAtATimeMissesNothing() async throws {
        var limits = StreamLimits.patient
        limits.pageByteCount = 2000
        try await TransportStage.with(limits: limits) { stage in
            try await stage.log(100, textByteCount: 500)
            let eventLoop = stage.group.next()
            let ends = try await stage.adopt(on: eventLoop)
            try await ends.onLoop { transport, session in
                let state = NIOLoopBoundBox((isFree: true, session: session), eventLoop: eventLoop)
                transport.writable = { state.value.isFree }
                transport.onWrite = {
                    state.value.isFree = false
                    eventLoop.execute {
                        state.value.isFree = true
                        state.value.session.writabilityChanged()
                    }
                }
            }
            try await ends.send(Self.subscribe)
            try await stage.log(100, textByteCount: 500)
            try await ends.wait { $0.sequences.count >= 200 }
            try await ends.onLoop { transport, _ in
                #expect(transport.sequences == Array(1...200))
                // What holds the session from within its transport would never go.
                (transport.writable, transport.onWrite) = ({ true }, {})
            }
        }
    }

    /// Another answer each time that it is asked.
    @Test func aTransportThatCannotMakeUpItsMindMissesNothing() async throws {
        try await TransportStage.with { stage in
            let ends = try await stage.adopt(on: stage.group.next())
            try await ends.onLoop { transport, _ in
                var random = SeededGenerator(seed: 7)
                transport.writable = { Bool.random(using: &random) }
            }
            try await ends.send(Self.subscribe)
            for _ in 0..<50 {
                try await stage.log(4)
                try await ends.onLoop { _, session in session.writabilityChanged() }
            }
            try await ends.onLoop { transport, session in
                transport.writable = { true }
                session.writabilityChanged()
            }
            try await ends.wait { $0.sequences.count >= 200 }
            try await ends.onLoop { transport, _ in #expect(transport.sequences == Array(1...200)) }
        }
    }

    // MARK: Calls within calls

    enum Call: CaseIterable, Sendable {
        case receive, writabilityChanged, closed, readComplete
    }

    /// It may not, but spoils nothing but its own connection.
    @Test(arguments: Call.allCases)
    func aTransportThatCallsBackWithinAWriteHarmsNobodyElse(call: Call) async throws {
        try await TransportStage.with { stage in
            let eventLoop = stage.group.next()
            let other = try await stage.adopt(on: eventLoop)
            try await other.send(Self.subscribe)
            let ends = try await stage.adopt(on: eventLoop)
            try await ends.onLoop { transport, session in
                let rest = NIOLoopBoundBox((count: 20, session: session), eventLoop: eventLoop)
                transport.onWrite = {
                    guard rest.value.count > 0 else { return }
                    rest.value.count -= 1
                    switch call {
                    case .receive: rest.value.session.receive(ByteBuffer(string: Self.emit(rest.value.count)))
                    case .writabilityChanged: rest.value.session.writabilityChanged()
                    case .closed: if rest.value.count < 15 { rest.value.session.closed() }
                    case .readComplete: rest.value.session.readComplete()
                    }
                }
            }
            try await ends.send(Self.subscribe)
            try await stage.log(40)
            let count: Int64 = 40
            try await other.wait { $0.sequences.count >= count }
            if call == .receive { try await ends.wait { $0.operations.filter { $0 == "emitted" }.count == 20 } }
            if call != .closed { try await ends.wait { $0.sequences.count >= count } }
            for each in [other, ends] {
                try await each.onLoop { transport, _ in
                    #expect(transport.sequences == Array((1...60).prefix(transport.sequences.count)))
                    transport.onWrite = {}
                }
            }
        }
    }

    // MARK: Frames

    /// Counts the events that it frames.
    private final class FrameCount: Sendable {
        private let count = Atomic<Int>(0)
        var value: Int { count.load(ordering: .sequentiallyConsistent) }

        func framing(_ name: String) -> StreamFraming {
            StreamFraming(name, maximumOverheadByteCount: 4) { message, buffer in
                if message.event != nil { self.count.add(1, ordering: .sequentiallyConsistent) }
                buffer.writeInteger(UInt32(message.byteCount))
            }
        }
    }

    /// However many connections on however many loops: an event is framed once for each framing.
    @Test func framesAreBuiltOncePerCommitAndFraming() async throws {
        let counts = [FrameCount(), FrameCount()]
        try await TransportStage.with(loopCount: 3) { stage in
            var all: [TransportEnds] = []
            for index in 0..<12 {
                let framing = counts[index % 2].framing("counted \(index % 2)")
                let ends = try await stage.adopt(on: stage.group.next()) { HostileTransport(framing: framing) }
                try await ends.send(Self.subscribe)
                try await ends.wait { $0.operations.contains("live") }
                all.append(ends)
            }
            try await stage.log(50)
            for ends in all { try await ends.wait { $0.sequences == Array(1...50) } }
        }
        #expect(counts.map(\.value) == [50, 50])
    }

    // MARK: Several on one loop

    /// What ends for one of them goes on for the others.
    @Test(arguments: [true, false])
    func whoLeavesAThreadTakesItFromNobody(closes: Bool) async throws {
        try await TransportStage.with { stage in
            let eventLoop = stage.group.next()
            let stays = try await stage.adopt(on: eventLoop)
            let leaves = try await stage.adopt(on: eventLoop)
            for ends in [stays, leaves] {
                try await ends.send(Self.subscribe)
                try await ends.wait { $0.operations.contains("live") }
            }
            if closes {
                try await leaves.onLoop { _, session in session.closed() }
            } else {
                try await leaves.send(#"{"op":"unsubscribe","thread_id":"t_1"}"#)
                try await leaves.wait { $0.operations.contains("unsubscribed") }
            }
            try await stage.log(3)
            try await stays.wait { $0.sequences == [1, 2, 3] }
            try await leaves.onLoop { transport, _ in #expect(transport.sequences.isEmpty) }
            // The last one goes, and another one comes.
            try await stays.onLoop { _, session in session.closed() }
            try await stage.log(1)
            let comes = try await stage.adopt(on: eventLoop)
            try await comes.send(Self.subscribe)
            try await comes.wait { $0.operations.contains("live") }
            try await stage.log(1)
            try await comes.wait { $0.sequences == [1, 2, 3, 4, 5] }
        }
    }

    /// It was nobody's when they came, and then somebody else's.
    @Test func aThreadThatSomebodyElseOpensStaysSilent() async throws {
        try await TransportStage.with { stage in
            let eventLoop = stage.group.next()
            let owner = try await stage.adopt(on: eventLoop)
            let stranger = try await stage.adopt(on: eventLoop, as: "u_2")
            for ends in [stranger, owner] {
                try await ends.send(Self.subscribe)
                try await ends.wait { $0.operations.contains("live") }
            }
            try await stage.log(3)
            try await owner.wait { $0.sequences == [1, 2, 3] }
            try await stranger.onLoop { transport, session in
                session.writabilityChanged()
                #expect(transport.sequences.isEmpty)
            }
            #expect(try await stage.hub.subscribers(of: "t_1").map(\.user) == ["u_1"])
        }
    }

    // MARK: Signs of life

    /// A ping of the transport is never answered, and nothing else comes.
    @Test func aTransportThatNeverAnswersItsPingsIsClosed() async throws {
        var limits = StreamLimits.patient
        limits.heartbeatMilliseconds = 20
        try await TransportStage.with(limits: limits) { stage in
            let ends = try await stage.adopt(on: stage.group.next())
            try await ends.wait { $0.close != nil }
            try await ends.onLoop { transport, _ in
                #expect(transport.close == .heartbeatMissed)
                #expect(transport.pingCount > 0)
                #expect(transport.callsAfterClose.isEmpty)
            }
        }
    }

    // MARK: Loops

    @Test func aTransportThatIsAdoptedElsewhereIsToldWhere() async throws {
        let result = try #require(
            await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                let hub = AgentEventsHub(
                    runtime: AgentRuntime(log: InMemoryEventLog()), authorizer: OwnershipAuthorizer(),
                    logger: Logger(label: "test"))
                let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
                _ = hub.adopt(HostileTransport(), as: Principal(user: "u_1"), on: eventLoop)
            })
        #expect(
            String(decoding: result.standardErrorContent, as: UTF8.self).contains(
                "on its event loop: eventLoop.execute"))
    }
}
