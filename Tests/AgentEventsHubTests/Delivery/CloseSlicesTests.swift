import AgentEvents
import AgentEventsTesting
import NIOCore
import NIOEmbedded
import Testing

@testable import AgentEventsHub

/// Connections that are closed within a time.
@Suite(.timeLimit(.minutes(10)))
struct CloseSlicesTests {
    @Test(arguments: [0, 1, 2, 7, 200, 10_000], [1, 99, 100, 101, 20_000] as [Int64])
    func eachIsClosedOnceAndInTime(_ count: Int, _ window: Int64) {
        let slices = CloseSlices(windowMilliseconds: window).slices(of: count)
        #expect(slices.flatMap { Array($0.indices) } == Array(0..<count))
        #expect(slices.allSatisfy { !$0.indices.isEmpty && (0..<window).contains($0.delay) })
        #expect(zip(slices, slices.dropFirst()).allSatisfy { $0.delay < $1.delay || window < 100 })
        let sizes = slices.map(\.indices.count)
        #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
        #expect(count == 0 || slices.first?.delay == 0)
    }

    @Test func theLoopClosesASliceAfterTheOther() async throws {
        let eventLoop = NIOAsyncTestingEventLoop()
        try await RecordedSession.with(on: eventLoop) { session in
            let hub = session.hub
            let transports = try await eventLoop.submit {
                let transports = (0..<9).map { _ in RecordingTransport() }
                for transport in transports {
                    _ = hub.adopt(transport, as: Principal(user: "u_1"), on: eventLoop)
                }
                return NIOLoopBound(transports, eventLoop: eventLoop)
            }.get()
            func closedCount() async throws -> Int {
                try await eventLoop.submit { transports.value.count { $0.closeReason != nil } }.get()
            }
            hub.services.delivery.drain(maximumMilliseconds: 1000)
            hub.services.delivery.closeSessions(over: .seconds(20))
            await eventLoop.advanceTime(by: .zero)
            // The first of ten is the session of the stage.
            #expect(try await closedCount() == 0)
            await eventLoop.advanceTime(by: .milliseconds(2000))
            #expect(try await closedCount() == 1)
            await eventLoop.advanceTime(by: .milliseconds(7999))
            #expect(try await closedCount() == 4)
            await eventLoop.advanceTime(by: .milliseconds(10_000))
            #expect(try await closedCount() == 9)
            // Each was told before when to come back, and is told the same with the close.
            let (texts, reasons) = try await eventLoop.submit {
                (transports.value.map(\.texts), transports.value.map(\.closeReason))
            }.get()
            let told = try texts.map { texts in
                try texts.compactMap { try JSONValue(parsing: Array($0.utf8))["reconnect_in_ms"]?.integerValue }
            }
            #expect(told.allSatisfy { $0.count == 1 && (0..<1000).contains($0[0]) }, "\(texts)")
            #expect(reasons == told.map { "reconnect_after_ms=\($0[0])" })
            #expect(Set(reasons).count == 9)
        }
    }
}
