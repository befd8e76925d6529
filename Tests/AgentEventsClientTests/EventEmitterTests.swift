import AgentEvents
import AgentEventsClient
import AgentEventsProtocol
import NIOCore
import NIOWebSocket
import Testing

@Suite(.timeLimit(.minutes(10))) struct EventEmitterTests {
    private static let draft = EventDraft(
        .custom(CustomEvent(name: "n", value: .number(JSONNumber(18_446_744_073_709_551_615 as UInt64)))))

    @Test func emittingReturnsTheCursorsOfItsOwnAnswer() async throws {
        try await ScriptedService.run { _, connection in
            try await connection.send(#"{"op":"welcome","connection_id":"c","heartbeat_ms":60000,"limits":{}}"#)
            for request in 1...2 {
                guard let frame = try await connection.receive() else { return }
                let text = String(buffer: frame.unmaskedData)
                let rest =
                    request == 1
                    ? #","user_id":"u_1","key":"k_1","events":[{"type":"custom","data":{"name":"n","#
                        + #""value":18446744073709551615}}]}"#
                    : #","events":[]}"#
                #expect(text == #"{"op":"emit","req":\#(request),"thread_id":"t_7""# + rest)
                #expect(frame.maskKey != nil)
                // Answers to others come first.
                try await connection.send(#"{"op":"ping"}"#)
                try await connection.send(#"{"op":"emitted","req":99,"thread_id":"t_7","cursors":["1-1"]}"#)
                if request == 1 {
                    try await connection.send(#"{"op":"emitted","req":1,"thread_id":"t_7","cursors":["3-7"]}"#)
                    guard let pong = try await connection.receive() else { return }
                    #expect(String(buffer: pong.unmaskedData) == #"{"op":"pong"}"#)
                } else {
                    try await connection.send(
                        #"{"op":"error","req":2,"code":"event.empty_batch","message":"none","retryable":false}"#)
                }
            }
            try await connection.hold()
        } _: { url in
            try await StreamClient(url: url).withEmitter { emitter in
                let cursors = try await emitter.emit([Self.draft], thread: "t_7", user: "u_1", key: "k_1")
                #expect(cursors == [Cursor(generation: 3, sequence: 7)])
                let error = await #expect(throws: AgentEventsClientError.self) {
                    try await emitter.emit([], thread: "t_7")
                }
                #expect(error?.refusal?.code == .emptyBatch)
            }
        }
    }

    @Test func aConnectionThatEndsBeforeTheAnswerIsAnError() async throws {
        try await ScriptedService.run { _, connection in
            _ = try await connection.receive()
        } _: { url in
            let error = await #expect(throws: AgentEventsClientError.self) {
                try await StreamClient(url: url).emit([Self.draft], thread: "t_7")
            }
            #expect(error?.code == .closed)
            #expect(error?.closeCode == 1006)
        }
    }
}
