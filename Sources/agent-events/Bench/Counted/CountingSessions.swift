import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import NIOCore

/// Sessions on one event loop whose transports count what they are given, and keep none of it.
final class CountingSessions: Sendable {
    private let hub: AgentEventsHub
    private let eventLoop: any EventLoop
    private let arrivals = WakeSignal()
    /// Confined to the event loop.
    private let state: NIOLoopBoundBox<State>

    fileprivate final class State {
        var sessions: [StreamSession] = []
        /// The number of things to come before those who wait are woken.
        var awaitedWrites = 0
        /// The number to come then, before they are woken again.
        var nextAwaitedWrites = 0
        var awaitedLives = 0
    }

    init(_ hub: AgentEventsHub, on eventLoop: any EventLoop) {
        self.hub = hub
        self.eventLoop = eventLoop
        state = .makeBoxSendingValue(State(), eventLoop: eventLoop)
    }

    static func subscribe(to thread: ThreadID, after start: String) -> [UInt8] {
        Array(#"{"op":"subscribe","thread_id":"\#(thread)","after":"\#(start)"}"#.utf8)
    }

    func open(count: Int) async throws {
        let (hub, eventLoop, state, arrivals) = (hub, eventLoop, state, arrivals)
        let principal = Principal(user: "u_bench", scopes: [.read, .emit])
        try await eventLoop.submit {
            for _ in 0..<count {
                let transport = CountingTransport(state.value, arrivals)
                state.value.sessions.append(hub.adopt(transport, as: principal, on: eventLoop))
            }
        }.get()
    }

    /// Sends a message over the first session, and returns when this number of writes has followed.
    func send(_ message: [UInt8], awaitingWrites count: Int) async throws {
        try await perform(awaitingWrites: count) { $0.sessions.prefix(1).forEach { Self.tell($0, message) } }
    }

    /// Sends a message over all sessions, and returns when this number of subscriptions has become live.
    func sendToAll(_ message: [UInt8], awaitingLives count: Int) async throws {
        try await perform(awaitingLives: count) { $0.sessions.forEach { Self.tell($0, message) } }
    }

    /// From now on ``waitForWrites()`` returns with each of this number of writes: nothing else goes to the event loop.
    func countWrites(by count: Int) async throws {
        let state = state
        try await eventLoop.submit {
            state.value.awaitedWrites = count
            state.value.nextAwaitedWrites = count
        }.get()
    }

    func waitForWrites() async { _ = await arrivals.wait() }

    private func perform(
        awaitingWrites writes: Int = 0,
        awaitingLives lives: Int = 0,
        _ body: @escaping @Sendable (State) -> Void
    ) async throws {
        let state = state
        eventLoop.execute {
            state.value.awaitedWrites = writes
            state.value.awaitedLives = lives
            body(state.value)
        }
        _ = await arrivals.wait()
    }

    private static func tell(_ session: StreamSession, _ message: [UInt8]) {
        session.receive(ByteBuffer(bytes: message))
        session.readComplete()
    }
}

/// A transport that takes everything at once. Confined to its event loop.
private final class CountingTransport: StreamTransport {
    private static let live = Array(#"{"op":"live""#.utf8)

    let framing = StreamFraming.webSocket
    var isWritable: Bool { true }
    var pendingByteCount: Int { 0 }
    private let state: CountingSessions.State
    private let arrivals: WakeSignal

    init(_ state: CountingSessions.State, _ arrivals: WakeSignal) {
        self.state = state
        self.arrivals = arrivals
    }

    func write(_ messages: ByteBuffer) {
        if state.awaitedWrites > 0 {
            state.awaitedWrites -= 1
            if state.awaitedWrites == 0 {
                state.awaitedWrites = state.nextAwaitedWrites
                arrivals.signal()
            }
        } else if state.awaitedLives > 0, endsWithLive(messages) {
            state.awaitedLives -= 1
            if state.awaitedLives == 0 { arrivals.signal() }
        }
    }

    /// Whether the last message, which is short, says that a subscription has become live.
    private func endsWithLive(_ messages: ByteBuffer) -> Bool {
        let tail = Array(messages.readableBytesView.suffix(128))
        guard tail.count >= Self.live.count else { return false }
        return (0...tail.count - Self.live.count).contains { tail[$0...].starts(with: Self.live) }
    }

    func flush() {}

    func setReading(_ isEnabled: Bool) {}

    func close(_ code: StreamCloseCode, reason: String) {}
}
