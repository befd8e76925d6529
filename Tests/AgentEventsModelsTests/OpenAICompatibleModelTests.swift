import AgentEvents
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import AgentEventsModels

/// The client against a real server.
@Suite(.timeLimit(.minutes(5))) struct OpenAICompatibleModelTests {
    private static let greeting = [Chunk.text("Hel"), Chunk.text("lo"), Chunk.finish("stop"), Chunk.usage, "[DONE]"]

    /// Asks once, and takes each part at once.
    private func ask(
        _ url: String, key: String? = "sk-hidden-12345678", dialect: OpenAIDialect = .chatCompletions,
        request: ModelRequest = ModelRequest(), _ configuration: OpenAIConfiguration = OpenAIConfiguration(),
        part: (ModelPart) async throws -> Void = { _ in }
    ) async throws -> (parts: [ModelPart], error: ModelError?) {
        let model = try OpenAICompatibleModel(
            url: url, model: "m", key: key, dialect: dialect, configuration: configuration)
        var parts: [ModelPart] = []
        do {
            try await model.reply(to: request) { given in
                parts.append(given)
                try await part(given)
            }
        } catch let error as ModelError {
            #expect(!error.message.contains("hidden"), "\(error.message)")
            return (parts, error)
        }
        return (parts, nil)
    }

    @Test func anAnswerIsStreamed() async throws {
        let request = ModelRequest(instructions: "Be brief.", maximumOutputTokens: 5)
        let provider = try await StubProvider.run({ try await $0.stream(Self.greeting) }) { provider, url in
            let (parts, error) = try await ask(url, request: request)
            #expect(parts == [.text("Hel"), .text("lo"), .usage(.ofChunk)])
            #expect(error == nil)
            return provider
        }
        let asked = try #require(provider.requests.first)
        #expect(asked.line == "POST /v1/chat/completions HTTP/1.1")
        #expect(asked.headers["content-type"] == "application/json")
        #expect(asked.headers["accept"] == "text/event-stream")
        #expect(asked.headers["authorization"] == "Bearer sk-hidden-12345678")
        #expect(
            asked.body == [
                "model": "m", "messages": [["role": "system", "content": "Be brief."]], "stream": true,
                "stream_options": ["include_usage": true], "max_tokens": 5,
            ])
    }

    @Test func responsesAreStreamed() async throws {
        let script: StubProvider.Script = { answer in
            try await answer.stream([
                #"{"type":"response.output_text.delta","delta":"Hello"}"#,
                #"{"type":"response.completed","response":{"status":"completed"}}"#,
            ])
        }
        try await StubProvider.run(script) { provider, url in
            let (parts, error) = try await ask(url, dialect: .responses)
            #expect(parts == [.text("Hello")])
            #expect(error == nil)
            #expect(provider.requests.first?.line == "POST /v1/responses HTTP/1.1")
            #expect(provider.requests.first?.body["store"] == false)
        }
    }

    @Test func furtherMembersReplaceAndRemoveThose() async throws {
        try await StubProvider.run({ try await $0.stream(Self.greeting) }) { provider, url in
            let parameters: JSONObject = ["temperature": 0.2, "stream_options": nil, "model": "other"]
            _ = try await ask(url, key: nil, OpenAIConfiguration(parameters: parameters))
            let asked = try #require(provider.requests.first)
            #expect(asked.body == ["model": "other", "messages": [], "stream": true, "temperature": 0.2])
            #expect(asked.headers["authorization"] == nil)
        }
    }

    /// A connection that has served an answer to its end serves the next one.
    @Test func aConnectionIsUsedAgain() async throws {
        let signals = (0..<3).map { _ in StubProvider.Signal() }
        let script: StubProvider.Script = { answer in
            try await answer.head()
            for event in Self.greeting { try await answer.event(event) }
            // The end comes after all that it says.
            await signals[answer.number].wait()
            try await answer.end()
        }
        try await StubProvider.run(script) { provider, url in
            for signal in signals {
                let error = try await ask(url) { if case .usage = $0 { signal.open() } }.error
                #expect(error == nil)
            }
            #expect(provider.requests.count == 3)
            #expect(provider.connectionCount == 1)
        }
    }

    /// A provider that does not end its body after `[DONE]` is left.
    @Test func aBodyThatDoesNotEndHoldsNobody() async throws {
        let isClosed = StubProvider.Signal()
        let script: StubProvider.Script = { answer in
            try await answer.head()
            for event in Self.greeting { try await answer.event(event) }
            try await answer.waitForClose()
            isClosed.open()
        }
        try await StubProvider.run(script) { _, url in
            let (parts, error) = try await ask(url)
            #expect(parts.count == 3)
            #expect(error == nil)
            await isClosed.wait()
        }
    }

    // MARK: Errors

    private static let refusals: [(Int, [String], String, ModelError.Code, Duration?, String)] = [
        (401, [], #"{"error":{"message":"Incorrect API key provided: sk-hidde***5678."}}"#, .unauthorized, nil, "…"),
        (403, [], "", .unauthorized, nil, "403"),
        (404, [], #"{"error":{"message":"no model m"}}"#, .refused, nil, "no model m"),
        (400, [], #"{"detail":"too long"}"#, .refused, nil, "too long"), (408, [], "", .timedOut, nil, "408"),
        (409, ["Retry-After: 3"], "", .rateLimited, .seconds(3), "409"),
        (429, ["Retry-After: 20"], #"{"error":{"message":"slow down"}}"#, .rateLimited, .seconds(20), "slow down"),
        (429, ["retry-after-ms: 250", "Retry-After: 1"], "", .rateLimited, .milliseconds(250), "429"),
        (500, [], "<html>", .unavailable, nil, "500"),
        (503, ["Retry-After: 7"], "busy", .unavailable, .seconds(7), "busy"),
        (307, ["Location: /elsewhere"], "", .refused, nil, "not followed"),
        (301, ["Location: http://127.0.0.1:1/"], "", .refused, nil, "not followed"),
    ]

    @Test(arguments: Self.refusals)
    func aStatusIsTheErrorThatItStandsFor(
        status: Int, headers: [String], body: String, code: ModelError.Code, pause: Duration?, word: String
    ) async throws {
        try await StubProvider.run({ try await $0.whole(status, headers, body) }) { provider, url in
            let (parts, error) = try await ask(url)
            #expect(parts.isEmpty)
            #expect(error?.code == code)
            #expect(error?.status == status)
            #expect(error?.retryAfter == pause)
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
            #expect(provider.requests.count == 1)
        }
    }

    @Test func anErrorWithABodyWithoutEndIsAnError() async throws {
        let script: StubProvider.Script = { answer in
            try await answer.head(500)
            while true { try await answer.chunk(String(repeating: "x", count: 4096)) }
        }
        try await StubProvider.run(script) { _, url in
            let error = try await ask(url).error
            #expect(error?.code == .unavailable)
            #expect(error?.message.count ?? 0 < 500)
        }
    }

    @Test func anErrorWithinTheStreamEndsIt() async throws {
        let script: StubProvider.Script = { answer in
            try await answer.head()
            try await answer.event(Chunk.text("a"))
            try await answer.event(#"{"error":{"message":"the key sk-hidden-12345678 has run out","code":429}}"#)
            try await answer.waitForClose()
        }
        try await StubProvider.run(script) { _, url in
            let (parts, error) = try await ask(url)
            #expect(parts == [.text("a")])
            #expect(error?.code == .rateLimited)
            #expect(error?.message == "the provider broke its answer off: the key … has run out")
        }
    }

    /// Where an answer breaks off, and what it is then.
    private static let breaks: [(String, [StubProvider.Step], ModelError.Code?)] = [
        ("before anything", [.hangUp], .unreachable),
        ("in the head", [.raw("HTTP/1.1 200 OK\r\nContent-"), .hangUp], .unreachable),
        ("no HTTP", [.raw("hello\r\n\r\n"), .hangUp], .unreachable),
        (
            "in the middle of a chunk",
            [.head, .event(Chunk.text("a")), .raw("ff\r\ndata: {\"cho"), .hangUp], .cutOff
        ),
        ("between chunks", [.head, .event(Chunk.text("a")), .hangUp], .cutOff),
        ("properly, but too early", [.head, .event(Chunk.text("a")), .end], .cutOff),
        ("with nothing", [.head, .end], .cutOff),
        (
            "with the connection, which has no chunks",
            [.raw("HTTP/1.1 200 OK\r\n\r\ndata: \(Chunk.finish("stop"))\n\ndata: [DONE]\n\n"), .hangUp], nil
        ),
        (
            "with the connection, but too early",
            [.raw("HTTP/1.1 200 OK\r\n\r\ndata: \(Chunk.text("a"))\n\n"), .hangUp], .cutOff
        ),
    ]

    @Test(arguments: Self.breaks)
    func anAnswerThatBreaksOffIsNeverAShortAnswer(
        name: String, steps: [StubProvider.Step], code: ModelError.Code?
    ) async throws {
        try await StubProvider.run({ try await $0.play(steps) }) { _, url in
            let error = try await ask(url).error
            #expect(error?.code == code, "\(name): \(error.map { "\($0)" } ?? "whole")")
        }
    }

    @Test func aBreakAfterTheReasonIsNoLoss() async throws {
        let isTaken = StubProvider.Signal()
        let script: StubProvider.Script = { answer in
            try await answer.head()
            try await answer.event(Chunk.delta(#"{"content":"a"}"#, finish: "stop"))
            // What has come and is not read yet goes with the connection.
            await isTaken.wait()
            try await answer.hangUp()
        }
        try await StubProvider.run(script) { _, url in
            let (parts, error) = try await ask(url) { _ in isTaken.open() }
            #expect(parts == [.text("a")])
            #expect(error == nil)
        }
    }

    @Test func aProviderThatIsNotThereIsUnreachable() async throws {
        // A port that only the superuser could listen on, for a service that nobody runs.
        let error = try await ask("http://127.0.0.1:1/v1").error
        #expect(error?.code == .unreachable)
        #expect(error?.isRetryable == true)
    }

    @Test func anAnswerThatIsOneDocumentIsTaken() async throws {
        let body = #"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}"#
        try await StubProvider.run({ try await $0.whole(200, ["Content-Type: application/json"], body) }) { _, url in
            let (parts, error) = try await ask(url)
            #expect(parts == [.text("Hello")])
            #expect(error == nil)
        }
    }

    // MARK: Time

    @Test func aProviderThatNeverAnswersIsLeft() async throws {
        let isClosed = StubProvider.Signal()
        let script: StubProvider.Script = { answer in
            try await answer.waitForClose()
            isClosed.open()
        }
        try await StubProvider.run(script) { provider, url in
            let error = try await ask(url, OpenAIConfiguration(firstByteTimeout: .milliseconds(200))).error
            #expect(error?.code == .timedOut)
            // On a busy machine the time may be over before the request is there.
            if !provider.requests.isEmpty { await isClosed.wait() }
        }
    }

    @Test func theTimeToTheFirstByteIsNotOverWithTheHead() async throws {
        let script: StubProvider.Script = { answer in
            try await answer.head()
            try await answer.waitForClose()
        }
        try await StubProvider.run(script) { _, url in
            // Long enough for the head.
            let error = try await ask(url, OpenAIConfiguration(firstByteTimeout: .seconds(1))).error
            #expect(error?.code == .timedOut)
        }
    }

    @Test func aProviderThatFallsSilentIsLeft() async throws {
        let script: StubProvider.Script = { answer in
            try await answer.head()
            try await answer.event(Chunk.text("a"))
            try await answer.waitForClose()
        }
        try await StubProvider.run(script) { _, url in
            let (parts, error) = try await ask(url, OpenAIConfiguration(idleTimeout: .milliseconds(50)))
            #expect(parts == [.text("a")])
            #expect(error?.code == .timedOut)
        }
    }

    /// A run that is paused takes no part for a long time, which is no fault of the provider.
    @Test func theTimeInWhichNobodyTakesAPartDoesNotCount() async throws {
        let limit = Duration.milliseconds(500)
        try await StubProvider.run({ try await $0.stream(Self.greeting) }) { _, url in
            let (parts, error) = try await ask(url, OpenAIConfiguration(idleTimeout: limit)) { part in
                guard part == .text("lo") else { return }
                // Other requests, for longer than the limit.
                let start = ContinuousClock.now
                while start.duration(to: .now) < limit * 2 { _ = try await ask(url) }
            }
            #expect(parts.count == 3)
            #expect(error == nil)
        }
    }

    // MARK: Backpressure and cancellation

    /// 16 MiB, of which the kernel takes some: the rest is not sent before a part is taken.
    @Test func nothingIsReadWhileAPartIsNotTaken() async throws {
        let text = String(repeating: "a", count: 32 << 10)
        let count = 512
        let written = Mutex(0)
        let script: StubProvider.Script = { answer in
            guard answer.number == 0 else { return try await answer.stream(Self.greeting) }
            try await answer.head()
            for _ in 0..<count {
                try await answer.event(Chunk.text(text))
                written.withLock { $0 += 1 }
            }
            try await answer.event(Chunk.finish("stop"))
            try await answer.end()
        }
        try await StubProvider.run(script) { _, url in
            var isFirst = true
            let (parts, error) = try await ask(url) { _ in
                guard isFirst else { return }
                isFirst = false
                // Until nothing more is written while other requests come and go.
                var (last, sameCount) = (-1, 0)
                while sameCount < 30, last < count {
                    _ = try await ask(url)
                    let now = written.withLock { $0 }
                    sameCount = now == last ? sameCount + 1 : 0
                    last = now
                }
                #expect(last < count, "all was read while nobody took it")
            }
            #expect(parts.count == count)
            #expect(error == nil)
        }
    }

    @Test func aCancelledAnswerClosesTheConnection() async throws {
        let isClosed = StubProvider.Signal()
        let script: StubProvider.Script = { answer in
            try await answer.head()
            try await answer.event(Chunk.text("a"))
            try await answer.waitForClose()
            isClosed.open()
        }
        try await StubProvider.run(script) { _, url in
            let hasBegun = StubProvider.Signal()
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    let model = try? OpenAICompatibleModel(url: url, model: "m")
                    await #expect(throws: CancellationError.self) {
                        try await model?.reply(to: ModelRequest()) { _ in hasBegun.open() }
                    }
                }
                await hasBegun.wait()
                group.cancelAll()
            }
            await isClosed.wait()
        }
    }

    @Test func aTaskThatIsCancelledAlreadyAsksNothingOfAnybody() async throws {
        try await StubProvider.run({ try await $0.waitForClose() }) { _, url in
            await withTaskGroup(of: Void.self) { group in
                group.cancelAll()
                group.addTask {
                    let model = try? OpenAICompatibleModel(url: url, model: "m")
                    await #expect(throws: CancellationError.self) {
                        try await model?.reply(to: ModelRequest()) { _ in }
                    }
                }
            }
        }
    }

    @Test func whatATakerThrowsEndsTheAnswerAsItIs() async throws {
        struct Enough: Error {}
        let isClosed = StubProvider.Signal()
        let script: StubProvider.Script = { answer in
            try await answer.head()
            try await answer.event(Chunk.text("a"))
            try await answer.waitForClose()
            isClosed.open()
        }
        try await StubProvider.run(script) { _, url in
            await #expect(throws: Enough.self) { _ = try await ask(url) { _ in throw Enough() } }
            await isClosed.wait()
        }
    }

    /// More at once than an HTTP client has connections to a host by default.
    @Test func manyAnswersComeAtOnce() async throws {
        let count = 40
        let hasAll = StubProvider.Signal()
        let script: StubProvider.Script = { answer in
            if answer.number == count - 1 { hasAll.open() }
            await hasAll.wait()
            try await answer.stream(Self.greeting)
        }
        try await StubProvider.run(script) { _, url in
            await withTaskGroup(of: Int.self) { group in
                for _ in 0..<count {
                    group.addTask { (try? await ask(url))?.parts.count ?? 0 }
                }
                for await partCount in group { #expect(partCount == 3) }
            }
        }
    }
}
