import Testing

@testable import AgentEventsServer

/// Connections on their way to a task while the listener is closed.
@Suite(.timeLimit(.minutes(10)))
struct ArrivalsTests {
    @Test func whatWasThereWhenTheListenerWasClosedIsServed() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingOldest(8))
        let arrivals = Arrivals(continuation)
        for _ in 0..<3 { arrivals.begin() }
        #expect(arrivals.serve(1))
        arrivals.end()
        arrivals.stopped()
        // A request in the moment of the stop, and a connection that never sent one.
        #expect(arrivals.serve(2))
        arrivals.end()
        arrivals.end()
        var served: [Int] = []
        for await connection in stream { served.append(connection) }
        #expect(served == [1, 2])
    }

    @Test func aListenerWithoutConnectionsEndsAtOnce() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingOldest(8))
        let arrivals = Arrivals(continuation)
        arrivals.stopped()
        for await _ in stream { Issue.record("there is none") }
    }

    @Test func nobodyTakesAConnectionAfterTheCancellation() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingOldest(8))
        let arrivals = Arrivals(continuation)
        arrivals.begin()
        let reading = Task { for await _ in stream {} }
        reading.cancel()
        await reading.value
        #expect(!arrivals.serve(1))
    }
}
