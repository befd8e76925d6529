import AgentEvents
import AgentEventsHub
import AgentEventsServer
import NIOCore
import NIOPosix
import Testing

/// When emissions are answered, over real sockets.
@Suite(.timeLimit(.minutes(10)))
struct EmissionReplyTests {
    private static func emission(_ request: Int, key: String? = nil) -> String {
        let member = key.map { #""key":"\#($0)","# } ?? ""
        return #"{"op":"emit","req":\#(request),\#(member)"thread_id":"t","events":["#
            + #"{"type":"custom","data":{"name":"n","value":1}}]}"#
    }

    /// Whoever has emitted waits, accepted, for room.
    private static var fullAtOnce: RuntimeConfiguration {
        var configuration = RuntimeConfiguration()
        configuration.highWaterByteCount = 1
        return configuration
    }

    /// The commit that the second request waits for was long ago, and none of its event loop's business.
    @Test func aRepeatedRequestIsAnsweredThoughNothingElseIsCommitted() async throws {
        try await withRunningService { service in
            for request in 1...6 {
                // Client and server take event loops in turn: now and then the server gets another one than before.
                if request.isMultiple(of: 2) { _ = MultiThreadedEventLoopGroup.singleton.next() }
                try await service.withWebSocket { socket in
                    try await socket.send(Self.emission(request, key: "k"))
                    let (_, emitted) = try await socket.messages(until: "emitted")
                    #expect(emitted["cursors"] == ["1-1"])
                    #expect(emitted["req"] == .integer(Int64(request)))
                }
            }
        }
    }

    /// A commit that is larger than what is written at a time comes from the log.
    @Test func aLiveSubscriberGetsACommitOfAnySize() async throws {
        try await withRunningService { service in
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t"}"#)
                _ = try await socket.messages(until: "live")
                let context = try await service.runtime.context(user: "local", thread: "t")
                let text = JSONValue.string(String(repeating: "x", count: 4000))
                for round in UInt64(0)..<3 {
                    _ = try await context.emit(
                        (0..<500).map { _ in EventDraft(.custom(CustomEvent(name: "n", value: text))) })
                    for sequence in round * 500 + 1...round * 500 + 500 {
                        #expect(try await socket.message()["seq"] == .integer(Int64(sequence)))
                    }
                }
            }
        }
    }

    @Test func everyEmissionIsAnsweredWhenTheLogFails() async throws {
        let log = HeldLog()
        await #expect(throws: AgentEventsError.self) {
            try await withRunningService(log: log, runtime: Self.fullAtOnce) { service in
                try await service.withWebSocket { socket in
                    _ = try await socket.message()
                    log.holdAppends()
                    for request in 1...20 { try await socket.send(Self.emission(request)) }
                    // Until all of them were read.
                    try await socket.send(#"{"op":"ping"}"#)
                    #expect(try await socket.messages(until: "pong").events.isEmpty)
                    await log.waitForAppend()
                    log.failAppend()
                    for request in 1...20 {
                        let (_, error) = try await socket.messages(until: "error")
                        #expect(error["req"] == .integer(Int64(request)))
                        #expect(error["code"] == "log.failed")
                    }
                    #expect(try await socket.close() != nil)
                }
            }
        }
    }

    /// The connection closes behind the answers, and the log behind the connections; from then on nothing further is taken.
    @Test func whatWasEmittedBeforeTheEndIsAnsweredAndNothingFurtherIsTaken() async throws {
        let log = HeldLog()
        try await withRunningService(log: log, runtime: Self.fullAtOnce) {
            $0.shutdownGrace = .seconds(60)
        } _: { service in
            defer { log.letAppendsGo() }
            try await service.withWebSocket { socket in
                _ = try await socket.message()
                log.holdAppends()
                // So many are always under way: there is something to wait for when the service closes.
                let ahead = 5
                for request in 1...ahead { try await socket.send(Self.emission(request)) }
                try await socket.send(#"{"op":"ping"}"#)
                #expect(try await socket.messages(until: "pong").events.isEmpty)
                await log.waitForAppend()
                await service.shutDown()
                var request = ahead
                var answers: [JSONValue] = []
                // Until the service has closed: a refusal comes in its turn, no answer overtakes another one.
                var isOpen = true
                while isOpen {
                    request += 1
                    do {
                        try await socket.send(Self.emission(request))
                        try await socket.send(#"{"op":"ping"}"#)
                    } catch is IOError {
                        // It closes just now; what it has sent is still to be read.
                    }
                    log.letAppendGo()
                    answering: while true {
                        switch try await socket.nextUnlessReset() {
                        case .text(let text):
                            let message = try JSONValue(parsing: Array(text.utf8))
                            if message["req"] != nil { answers.append(message) }
                            if message["op"] == "pong" { break answering }
                        case .close(let code, _):
                            #expect(code == 1001)
                            isOpen = false
                            break answering
                        case nil:
                            isOpen = false
                            break answering
                        case .ping, .pong: break
                        }
                    }
                }
                log.letAppendsGo()
                #expect(answers.map { $0["req"]?.integerValue } == answers.indices.map { Int64($0 + 1) })
                let emitted = answers.prefix { $0["op"] == "emitted" }.count
                #expect(emitted >= ahead)
                let refused = answers.dropFirst(emitted)
                #expect(!refused.isEmpty && refused.allSatisfy { $0["code"] == "server.stopping" })
                #expect(try await service.runtime.log.thread("t")?.head.sequence == UInt64(emitted))
            }
        }
    }

    /// What cannot be committed in time is not waited for.
    @Test func atTheDeadlineTheServiceClosesWhateverIsToBeAnswered() async throws {
        let log = HeldLog()
        try await withRunningService(log: log) {
            $0.shutdownGrace = .milliseconds(500)
        } _: { service in
            // Until then nothing was committed.
            defer { log.letAppendsGo() }
            try await service.withWebSocket { socket in
                _ = try await socket.message()
                log.holdAppends()
                try await socket.send(Self.emission(1))
                await log.waitForAppend()
                await service.shutDown()
                let (events, drain) = try await socket.messages(until: "drain")
                #expect(events.isEmpty)
                #expect(try await socket.next() == .goingAway(after: drain))
            }
        }
    }
}
