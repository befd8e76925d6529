import AgentEvents
import AgentEventsTesting
import HummingbirdCore
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import AgentEventsHub
@testable import AgentEventsServer

/// The contract between a session and its transport, for streams of server-sent events.
@Suite(.timeLimit(.minutes(10)))
struct EventStreamHandlerTests {
    private static var patient: StreamLimits {
        var limits = StreamLimits()
        limits.heartbeatMilliseconds = 3_600_000
        limits.oneWaySilenceMilliseconds = 3_600_000
        limits.stallMilliseconds = 3_600_000
        return limits
    }

    private static func sequences(_ text: String) -> [Int] {
        text.split(separator: "\n").compactMap { line in
            line.hasPrefix("id: 1-") ? Int(line.dropFirst(6)) : nil
        }
    }

    /// Framed once for all, and not copied for each.
    @Test func allStreamsShareTheBytesOfACommit() async throws {
        try await EventStreamStage.with(limits: Self.patient) { stage in
            let all = [try await stage.follow(), try await stage.follow(), try await stage.follow()]
            try await stage.log(1)
            var places: Set<Int> = []
            for ends in all {
                guard case .body(let bytes) = try await ends.next() else {
                    Issue.record("no event")
                    return
                }
                #expect(Self.sequences(String(buffer: bytes)) == [2])
                places.insert(bytes.withUnsafeReadableBytes { Int(bitPattern: $0.baseAddress) })
            }
            #expect(places.count == 1)
        }
    }

    /// What waits for it waits in the log.
    @Test func aClientThatTakesNothingGetsNoEventsAndMissesNone() async throws {
        try await EventStreamStage.with(limits: Self.patient) { stage in
            let ends = try await stage.follow()
            try await ends.setWritable(false)
            try await stage.log(20, textByteCount: 1000)
            await stage.loop.run()
            #expect(try await ends.written() == "")
            try await ends.setWritable(true)
            let text = try await ends.text(until: "id: 1-21\n")
            #expect(Self.sequences(text) == Array(2...21))
        }
    }

    /// 25: a proxy closes what is silent for a minute.
    @Test func nothingIsSilentForLongerThanFifteenSeconds() async throws {
        try await EventStreamStage.with { stage in
            let ends = try await stage.follow()
            var silence = 0
            for _ in 0..<120 {
                await stage.loop.advanceTime(by: .seconds(1))
                silence += 1
                let text = try await ends.written()
                if !text.isEmpty {
                    #expect(text == ":\n")
                    // Idle, and not by the clock.
                    #expect(silence >= 5)
                    silence = 0
                }
                #expect(silence <= 15)
            }
            #expect(ends.channel.isActive)
        }
    }

    @Test func aStreamWithEventsGetsNoComments() async throws {
        try await EventStreamStage.with { stage in
            let ends = try await stage.follow()
            for number in 2..<30 {
                try await stage.log(1)
                let text = try await ends.text(until: "id: 1-\(number)\n")
                #expect(!text.contains("\n:\n"))
                await stage.loop.advanceTime(by: .seconds(9))
                #expect(try await ends.written() == "")
            }
        }
    }

    @Test func aServerThatStopsBeforeItsHubTellsItsClients() async throws {
        var limits = Self.patient
        limits.leaveMilliseconds = 1
        limits.reconnectMilliseconds = 5
        try await EventStreamStage.with(limits: limits) { stage in
            let ends = try await stage.follow()
            try await ends.fire(ChannelShouldQuiesceEvent())
            await stage.loop.advanceTime(by: .seconds(1))
            let text = try await ends.rest()
            let parts = text.components(separatedBy: "\n\n")
            #expect(parts.count == 2)
            #expect(parts.first?.hasPrefix("retry: 100") == true)
            #expect(parts.first?.contains("\n" + #"data: {"op":"drain","reconnect_in_ms":"#) == true)
            #expect(parts.last?.hasPrefix(": 1001 reconnect_after_ms=") == true)
            try await ends.wait { !ends.channel.isActive }
        }
    }

    /// A browser that is told anything else never comes back.
    @Test func aClientThatComesTooLateIsToldWhenToComeBack() async throws {
        try await EventStreamStage.with(limits: Self.patient) { stage in
            stage.hub.readiness.stop()
            let ends = try await stage.connect()
            try await ends.ask()
            let head = try await ends.head()
            #expect(head.status == .ok)
            #expect(head.headers.first(name: "content-type") == "text/event-stream")
            let text = try await ends.rest()
            #expect(text.hasPrefix("retry: "))
            #expect(text.contains(#"data: {"op":"drain","#))
            #expect(stage.hub.streamCount == 0)
        }
    }

    @Test func theCredentialsOfAStreamMayBeEnded() async throws {
        try await EventStreamStage.with(limits: Self.patient) { stage in
            let ends = try await stage.follow()
            #expect(try await stage.hub.closeConnections(of: "local", reconnect: false) == 1)
            #expect(try await ends.rest() == ": 4401 auth.revoked\n")
            try await ends.wait { !ends.channel.isActive }
            // Nothing is written to a stream that has ended.
            try await stage.log(3)
            await stage.loop.run()
            #expect(try await ends.written() == "")
            #expect(stage.hub.streamCount == 0)
        }
    }

    @Test func aClientThatLeavesIsForgottenAndLeavesTheOthersAlone() async throws {
        try await EventStreamStage.with(limits: Self.patient) { stage in
            let leaves = try await stage.follow()
            let halfCloses = try await stage.follow()
            let stays = try await stage.follow()
            try await leaves.channel.close().get()
            try await halfCloses.fire(ChannelEvent.inputClosed)
            try await stays.wait { stage.hub.streamCount == 1 }
            try await stage.log(2)
            #expect(Self.sequences(try await stays.text(until: "id: 1-3\n")) == [2, 3])
        }
    }

    /// What comes after the request is nobody's, and one that does not stop is closed.
    @Test func furtherRequestsAreDroppedAndAFloodOfThemEndsTheStream() async throws {
        try await EventStreamStage.with(limits: Self.patient) { stage in
            let ends = try await stage.follow()
            for _ in 0..<20 { try await ends.ask() }
            #expect(try await ends.written() == "")
            #expect(ends.channel.isActive)
            #expect(stage.hub.streamCount == 1)
            do {
                for _ in 0..<50 { try await ends.ask() }
            } catch is ChannelError {
                // It is closed in the middle of that.
            }
            try await ends.wait { !ends.channel.isActive && stage.hub.streamCount == 0 }
        }
    }

    /// The handler of idle connections does not know of a stream, and would close it.
    @Test func nobodyElseTakesTheConnectionForIdle() async throws {
        try await EventStreamStage.with(limits: Self.patient) { stage in
            let ends = try await stage.connect()
            let channel = ends.channel
            try await stage.loop.executeInContext {
                try channel.pipeline.syncOperations.addHandler(
                    HTTPConnectionStateHandler(idleTimeout: .milliseconds(1), logger: Logger(label: "test")))
            }
            try await ends.ask()
            #expect(try await ends.head().status == .ok)
            _ = try await ends.text(until: #""op":"live""#)
            await stage.loop.advanceTime(by: .seconds(60))
            #expect(channel.isActive)
            try await stage.log(1)
            _ = try await ends.text(until: "id: 1-2\n")
        }
    }
}
