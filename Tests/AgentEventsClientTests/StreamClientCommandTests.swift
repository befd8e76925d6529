import AgentEvents
import AgentEventsClient
import AgentEventsProtocol
import NIOCore
import NIOWebSocket
import Testing

@Suite(.timeLimit(.minutes(10))) struct StreamClientCommandTests {
    /// The connection breaks before the answer: the same key comes again, over another one.
    @Test func aCommandIsRepeatedUntilItIsAnswered() async throws {
        try await ScriptedService.run { number, connection in
            try await connection.send(#"{"op":"welcome","connection_id":"c","heartbeat_ms":60000,"limits":{}}"#)
            guard let frame = try await connection.receive() else { return }
            let text = String(buffer: frame.unmaskedData)
            #expect(
                text == #"{"op":"command","req":1,"thread_id":"t_7","key":"k_1","name":"stop","as_of":"3-7","#
                    + #""data":{"reason":"enough"}}"#)
            guard number > 1 else { return }
            try await connection.send(#"{"op":"ping"}"#)
            try await connection.send(
                #"{"op":"accepted","req":1,"thread_id":"t_7","name":"stop","outcome":"repeated","cursors":["3-9"]}"#)
            try await connection.hold()
        } _: { url in
            var configuration = ClientConfiguration()
            configuration.backoff.firstPause = .milliseconds(1)
            let answer = try await StreamClient(url: url, configuration: configuration).command(
                RunCommand(.stop, asOf: Cursor(generation: 3, sequence: 7), reason: "enough", by: "u_2"), thread: "t_7",
                key: "k_1", timeout: .seconds(600))
            #expect(
                answer
                    == CommandAnswer(
                        name: "stop", outcome: .repeated, cursors: [Cursor(generation: 3, sequence: 9)]))
        }
    }

    /// A value of the context, and the conflict that its change meets.
    @Test func aValueIsSetForAVersion() async throws {
        try await ScriptedService.run { _, connection in
            try await connection.send(#"{"op":"welcome","connection_id":"c","heartbeat_ms":60000,"limits":{}}"#)
            guard let frame = try await connection.receive() else { return }
            let text = String(buffer: frame.unmaskedData)
            #expect(
                text == #"{"op":"command","req":1,"thread_id":"t_7","key":"k_1","name":"set","#
                    + #""data":{"key":"city","value":["Berlin"],"ttl_ms":1500,"if_version":3}}"#)
            try await connection.send(
                #"{"op":"error","req":1,"code":"state.conflict","message":"no","retryable":false,"retry_after_ms":null,"#
                    + #""details":{"version":4,"value":"Bonn","by":"u_2","time":"2026-11-21T02:10:00.123Z"}}"#)
            try await connection.hold()
        } _: { url in
            do {
                try await StreamClient(url: url).set(
                    ["Berlin"], for: "city", ttl: .seconds(1.5), ifVersion: 3, thread: "t_7", key: "k_1",
                    timeout: .seconds(600))
                Issue.record("it is refused")
            } catch let error as AgentEventsClientError {
                #expect(error.refusal?.code == .stateConflict)
                let met = CommandDetails(try #require(error.refusal?.details)).value
                #expect(met?.version == 4 && met?.value == "Bonn" && met?.by == "u_2" && met?.time != nil)
            }
        }
    }

    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    /// A frontend in Swift can ask.
    @Test func aMessageAndAStartAreSentWithAllThatTheySay() async throws {
        try await ScriptedService.run { number, connection in
            try await connection.send(#"{"op":"welcome","connection_id":"c","heartbeat_ms":60000,"limits":{}}"#)
            guard let frame = try await connection.receive() else { return }
            let text = String(buffer: frame.unmaskedData)
            let head = #"{"op":"command","req":1,"thread_id":"t_7","key":"k_\#(number + 1)","name":"#
            if number == 0 {
                #expect(
                    text == head + #""message","data":{"text":"No","agent":"guide","data":{"a":1},"policy":"steer","#
                        + #""replaces":"m_1","answers_approval":true,"trace":{"traceparent":"\#(Self.parent)"}}}"#)
            } else {
                #expect(
                    text == head + #""start","data":{"agent":"guide","input":7,"policy":"queue","retry_of":"r_1","#
                        + #""trace":{"traceparent":"\#(Self.parent)","tracestate":"a=1"}}}"#)
            }
            let name = number == 0 ? "message" : "start"
            try await connection.send(
                #"{"op":"accepted","req":1,"thread_id":"t_7","name":"\#(name)","outcome":"done","cursors":["3-9"],"#
                    + #""run_id":"r_2","message_id":"m_2"}"#)
            try await connection.hold()
        } _: { url in
            let client = StreamClient(url: url)
            let asked = try await client.message(
                "No", agent: "guide", data: ["a": 1], policy: .steer, replacing: "m_1", answersApproval: true,
                trace: TraceContext(traceparent: Self.parent), thread: "t_7", key: "k_1")
            #expect(asked.runID == "r_2" && asked.messageID == "m_2")
            let begun = try await client.start(
                "guide", input: 7, policy: .queue, retrying: "r_1",
                trace: TraceContext(traceparent: Self.parent, tracestate: "a=1"), thread: "t_7", key: "k_2")
            #expect(begun.name == "start" && begun.cursors == [Cursor(generation: 3, sequence: 9)])
        }
    }

    @Test func aRefusedCommandIsAnError() async throws {
        try await ScriptedService.run { _, connection in
            _ = try await connection.receive()
            try await connection.send(
                #"{"op":"error","req":1,"code":"run.not_open","message":"ended","retryable":false,"retry_after_ms":null,"#
                    + #""details":{"run_id":"r_1","status":"completed"},"thread_id":"t_7"}"#)
            try await connection.hold()
        } _: { url in
            let error = await #expect(throws: AgentEventsClientError.self) {
                try await StreamClient(url: url).command(RunCommand(.pause, run: "r_1"), thread: "t_7")
            }
            #expect(error?.refusal?.code == .runNotOpen)
            #expect(error?.refusal?.details == ["run_id": "r_1", "status": "completed"])
        }
    }
}
