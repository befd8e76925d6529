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

    /// A connection that is there takes the limits of a reload with its next message. What it has sent counts, also over several of them.
    @Test func otherRatesCountForConnectionsThatAreThere() async throws {
        try await TransportStage.with { stage in
            let ends = try await stage.adopt(on: stage.group.next())
            let other = try await stage.adopt(on: stage.group.next())
            func refusals(_ requests: ClosedRange<Int>) async throws -> [Int64?] {
                for number in requests { try await ends.send(#"{"op":"ping","req":\#(number)}"#) }
                return try await ends.onLoop { transport, _ in
                    transport.messages.filter { $0["code"] == "limits.rate" }.map { $0["req"]?.integerValue }
                }
            }
            #expect(try await refusals(1...9).isEmpty)
            var limits = LimitConfiguration.none
            limits.emitterMessages = Self.three
            stage.hub.replaceLimits(by: limits)
            #expect(try await refusals(10...13) == [13])
            // The same again, and a larger one: three are used.
            stage.hub.replaceLimits(by: limits)
            #expect(try await refusals(14...14) == [13, 14])
            limits.emitterMessages = RateLimit(5, per: .seconds(86_400))
            stage.hub.replaceLimits(by: limits)
            #expect(try await refusals(15...18) == [13, 14, 17, 18])
            stage.hub.replaceLimits(by: LimitConfiguration.none)
            #expect(try await refusals(19...40) == [13, 14, 17, 18])
            // Another connection has rates of its own.
            stage.hub.replaceLimits(by: limits)
            for number in 1...5 { try await other.send(#"{"op":"ping","req":\#(number)}"#) }
            #expect(try await other.onLoop { transport, _ in transport.operations.count { $0 == "pong" } } == 5)
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
                    #"{"op":"subscribe","req":\#(number),"thread_id":"t_\#(number)","after":"snapshot"}"#)
            }
            let refused = try await ends.onLoop { transport, _ in
                transport.messages.filter { $0["code"] == "limits.rate" }.map { $0["req"]?.integerValue }
            }
            #expect(refused == [2, 3])
        }
    }

    @Test func aClientThatSendsTooManyBytesIsNotReadForAWhile() async throws {
        let limits = Self.limits { $0.emitterBytes = RateLimit(4096, per: .seconds(1), burst: 1000) }
        try await TransportStage.with(limits: limits) { stage in
            let ends = try await stage.adopt(on: stage.group.next())
            try await ends.send(#"{"op":"ping","req":"\#(String(repeating: "x", count: 900))"}"#)
            let isReading = try await ends.onLoop { transport, session in
                for _ in 0..<4000 { session.didHear() }
                return transport.isReading
            }
            #expect(!isReading)
            try await ends.wait { $0.isReading }
            #expect(try await ends.onLoop { transport, _ in transport.close } == nil)
        }
    }
}
