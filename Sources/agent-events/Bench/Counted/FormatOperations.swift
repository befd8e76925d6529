import AgentEvents
import AgentEventsProtocol
import AgentEventsServer
import NIOCore

/// Bytes of others that become something, and events that become a state: no task waits for another.
struct FormatOperations {
    private static let run: RunID = "r_bench"
    private static let thread: ThreadID = "t_bench"

    let section: CountedSection

    /// A request of another program, as a session reads it.
    func parse() async throws {
        let request = BenchRequest.delta
        try await section.run {
            Self.keep(try ClientMessage.decode(request, maximumBatchEvents: 1000))
        }
    }

    func decode() async throws {
        let draft = BenchEvent.thinking(run: Self.run, thread: Self.thread)
        let bytes = try EventEncoder.encode(Self.event(1000, draft.payload))
        try await section.run {
            Self.keep(try EventDecoder.decode(bytes))
        }
    }

    /// A long answer, in pieces.
    func fold() async throws {
        var state = ThreadState()
        state.apply(Self.event(1, .agentStarted(AgentStarted())))
        var sequence: UInt64 = 1
        try await section.run {
            sequence += 1
            state.apply(Self.event(sequence, .messageDelta(MessageDelta(messageID: "m_bench", text: "word "))))
        }
        Self.keep(state)
    }

    /// The head of a request for a WebSocket, as a browser sends it.
    func handshake() async throws {
        let head = ByteBuffer(
            string: """
                GET /v1/stream HTTP/1.1\r
                Host: 127.0.0.1:8080\r
                Connection: Upgrade\r
                Pragma: no-cache\r
                Cache-Control: no-cache\r
                User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r
                Upgrade: websocket\r
                Origin: http://127.0.0.1:8080\r
                Sec-WebSocket-Version: 13\r
                Accept-Encoding: gzip, deflate, br, zstd\r
                Accept-Language: en-GB,en;q=0.9\r
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
                Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r
                Sec-WebSocket-Protocol: agent-events.v1\r
                \r

                """)
        try await section.run {
            guard let read = HandshakeHead(head, path: "/v1/stream") else {
                throw EventLogError(.corrupt, "the head of a browser is not read at once")
            }
            Self.keep(read)
        }
    }

    private static func event(_ sequence: UInt64, _ payload: EventPayload) -> AgentEvent {
        AgentEvent(
            id: EventID(generation: 1, sequence: sequence), threadID: thread, runID: run, agent: "bench",
            time: Timestamp(milliseconds: 1_800_000_000_000), payload: payload)
    }

    /// Makes sure that the value is made.
    @inline(never)
    @_optimize(none)
    private static func keep(_ value: some Sendable) {}
}

/// A message of another program.
enum BenchRequest {
    static let thread: ThreadID = "t_bench"
    static let started = message(#"{"type":"agent_started","run_id":"r_bench","agent":"bench","data":{}}"#)
    static let delta = message(
        #"{"type":"message_delta","run_id":"r_bench","data":{"message_id":"m_bench","text":"word "}}"#)

    private static func message(_ event: String) -> [UInt8] {
        Array(#"{"op":"emit","req":1,"thread_id":"t_bench","events":[\#(event)]}"#.utf8)
    }
}
