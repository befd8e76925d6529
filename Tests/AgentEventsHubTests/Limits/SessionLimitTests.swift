import AgentEvents
import AgentEventsProtocol
import NIOPosix
import Testing

@testable import AgentEventsHub

/// The limits of a connection, as its client meets them.
@Suite(.timeLimit(.minutes(10)))
struct SessionLimitTests {
    private static func limits(_ change: (inout LimitConfiguration) -> Void) -> StreamLimits {
        var limits = StreamLimits.patient
        change(&limits.rates)
        return limits
    }

    /// Nothing comes back while the test runs.
    private static let three = RateLimit(3, per: .seconds(86_400))

    @Test func aRequestOverTheRateIsRefusedWithTheTimeAfterWhichItIsTaken() async throws {
        try await TransportStage.with(limits: Self.limits { $0.emitterMessages = Self.three }) { stage in
            let ends = try await stage.adopt(on: stage.group.next())
            for number in 1...4 { try await ends.send(#"{"op":"ping","req":\#(number)}"#) }
            try await ends.send(#"{"op":"subscribe","req":5,"thread_id":"t_1"}"#)
            try await ends.wait { transport in transport.messages.contains { $0["op"] == "subscribed" } }
            // Never refused.
            for _ in 0..<10 { try await ends.send(#"{"op":"pong"}"#) }
            try await ends.send(#"{"op":"unsubscribe","req":6,"thread_id":"t_1"}"#)
            try await ends.wait { transport in transport.messages.contains { $0["op"] == "unsubscribed" } }
            let messages = try await ends.onLoop { transport, _ in transport.messages }
            let errors = messages.filter { $0["op"] == "error" }
            #expect(errors.count == 1)
            #expect(errors.first?["code"] == "limits.rate")
            #expect(errors.first?["req"] == 4)
            #expect(errors.first?["retryable"] == true)
            #expect((errors.first?["retry_after_ms"]?.integerValue ?? 0) > 0)
            #expect(messages.count { $0["op"] == "pong" } == 3)
        }
    }

    @Test func aClientThatContinuesIsClosed() async throws {
        let limits = Self.limits {
            $0.subscriptions = Self.three
            $0.strikes = RateLimit(2, per: .seconds(86_400))
        }
        try await TransportStage.with(limits: limits) { stage in
            let ends = try await stage.adopt(on: stage.group.next())
            for number in 1...5 {
                try await ends.send(#"{"op":"subscribe","req":\#(number),"thread_id":"t_\#(number)"}"#)
            }
            #expect(try await ends.onLoop { transport, _ in transport.close } == nil)
            try await ends.send(#"{"op":"subscribe","req":6,"thread_id":"t_6"}"#)
            #expect(try await ends.onLoop { transport, _ in transport.close } == .limits)
            let codes = try await ends.onLoop { transport, _ in
                transport.messages.filter { $0["op"] == "error" }.map { $0["req"]?.integerValue }
            }
            #expect(codes == [4, 5, 6])
        }
    }

    @Test func aSnapshotCostsMore() async throws {
        let limits = Self.limits { $0.subscriptions = RateLimit(11, per: .seconds(86_400)) }
        try await TransportStage.with(limits: limits) { stage in
            let ends = try await stage.adopt(on: stage.group.next())
            for number in 1...3 {
                try await ends.send(
                    #"{"op":"subscribe","req":\#(number),"thread_id":"t_\#(number)","after":"start","snapshot":true}"#)
            }
            let refused = try await ends.onLoop { transport, _ in
                transport.messages.filter { $0["code"] == "limits.rate" }.map { $0["req"]?.integerValue }
            }
            #expect(refused == [2, 3])
        }
    }

    @Test func aClientThatSendsTooManyBytesIsNotReadForAWhile() async throws {
        let limits = Self.limits { $0.emitterBytes = RateLimit(100_000, per: .seconds(1), burst: 1000) }
        try await TransportStage.with(limits: limits) { stage in
            let ends = try await stage.adopt(on: stage.group.next())
            try await ends.send(#"{"op":"ping","req":"\#(String(repeating: "x", count: 900))"}"#)
            let isReading = try await ends.onLoop { transport, session in
                session.didHear()
                session.didHear()
                return transport.isReading
            }
            #expect(!isReading)
            try await ends.wait { $0.isReading }
            #expect(try await ends.onLoop { transport, _ in transport.close } == nil)
        }
    }
}
