import AgentEvents
import AgentEventsFiles
import AgentEventsTesting
import Foundation
import Synchronization
import Testing

@testable import AgentEventsHub
@testable import AgentEventsServer

/// A webhook against a real server: what is sent, and what its answers lead to.
struct WebhookSinkTests {
    private let secret = Array("a secret of some length".utf8)

    private func configuration(_ clock: LeapingClock = LeapingClock()) -> RuntimeConfiguration {
        var configuration = RuntimeConfiguration()
        configuration.durationClock = clock
        // Nobody but the sinks sleeps on it.
        configuration.maximumRunAge = nil
        return configuration
    }

    private func emit(_ count: Int, _ runtime: AgentRuntime) async throws {
        try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide", input: "é\n") { run in
            for number in 0..<count { try await run.think("\(number)") }
        }
    }

    private func allEvents(in log: InMemoryEventLog) async throws -> [StoredEvent] {
        try await log.read(LogRead(.all(afterOffset: 0), maximumCount: .max, maximumByteCount: .max)).events
    }

    /// The events of a body, in their exact bytes.
    private func events(_ request: WebhookReceiver.Request, of log: [StoredEvent]) throws -> [StoredEvent] {
        let count = try #require(JSONValue(parsing: request.body)["events"]?.arrayValue?.count)
        let ids = try #require(JSONValue(parsing: request.body)["events"]?.arrayValue).map { $0["id"]?.stringValue }
        let first = try #require(log.firstIndex { "\($0.id)" == ids.first })
        let stretch = Array(log[first..<first + count])
        #expect(request.body == WebhookSink.body(of: SinkBatch(events: stretch)))
        return stretch
    }

    @Test func requestsAreSignedAndHoldTheBytesOfTheLog() async throws {
        let log = InMemoryEventLog()
        let received = try await WebhookReceiver.run(answering: { _, _ in .init(status: 204) }) { receiver, address in
            let sink = try WebhookSink(url: address, secret: secret, headers: ["Authorization": "Bearer x"])
            try await withAgentRuntime(log: log, sinks: [sink], configuration: configuration()) { runtime in
                try await emit(20, runtime)
            }
            return receiver.requests
        }
        let all = try await allEvents(in: log)
        var seen: [StoredEvent] = []
        for request in received {
            seen += try events(request, of: all)
            #expect(request.method == "POST")
            #expect(request.path == "/hook?a=1")
            #expect(request.headers["content-type"] == "application/json")
            #expect(request.headers["authorization"] == "Bearer x")
            let signature = try #require(request.headers["agent-events-signature"])
            try WebhookSignature.verify(signature, body: request.body, secret: secret, now: WallClock.system.now())
        }
        #expect(seen == all)
        #expect(Set(received.map { $0.headers["idempotency-key"] }).count == received.count)
    }

    @Test func onlyTheEventsThatAreChosenAreSentInTheirOrder() async throws {
        let log = InMemoryEventLog()
        let received = try await WebhookReceiver.run(answering: { _, _ in .init(status: 204) }) { receiver, address in
            let sink = try WebhookSink(
                url: address, secret: secret, events: EventType.runEnds.union([.agentStarted]))
            try await withAgentRuntime(log: log, sinks: [sink], configuration: configuration()) { runtime in
                for _ in 0..<3 { try await emit(20, runtime) }
            }
            return receiver.requests
        }
        let sent = try received.flatMap { try JSONValue(parsing: $0.body)["events"]?.arrayValue ?? [] }
        #expect(
            sent.map { $0["type"]?.stringValue ?? "" } == [
                "agent_started", "agent_completed", "agent_started", "agent_completed", "agent_started",
                "agent_completed",
            ])
        // None without an event.
        #expect(try received.allSatisfy { try JSONValue(parsing: $0.body)["events"]?.arrayValue?.isEmpty == false })
    }

    /// A receiver that is out of order refuses everything. By an event that is not sent nobody would know.
    @Test func aReceiverThatRefusesIsNotTakenForOneThatWorks() async throws {
        let log = InMemoryEventLog()
        let clock = LeapingClock()
        let deadLetters = Letters()
        let sent = try await WebhookReceiver.run(answering: { number, _ in
            .init(status: number < 40 ? 500 : 204)
        }) { receiver, address in
            var sink = DurableSink(
                try WebhookSink(url: address, secret: secret, events: EventType.runEnds), deadLetters: deadLetters)
            sink.retry.maximumAttempts = 3
            sink.retry.minimumRefusalTime = .seconds(1)
            try await withAgentRuntime(log: log, sinks: [sink], configuration: configuration(clock)) { runtime in
                for _ in 0..<3 { try await emit(2, runtime) }
                try await runtime.flushSinks()
            }
            return receiver.requests
        }
        #expect(deadLetters.count == 0)
        let events = try sent.dropFirst(40).flatMap { try JSONValue(parsing: $0.body)["events"]?.arrayValue ?? [] }
        #expect(Set(events.compactMap { $0["id"]?.stringValue }).count == 3)
    }

    private final class Letters: DeadLetterStore {
        private let letters = Mutex(0)
        var count: Int { letters.withLock { $0 } }
        func append(_ letter: DeadLetter) async throws { letters.withLock { $0 += 1 } }
    }

    @Test func aBatchThatComesAgainHasTheSameKey() async throws {
        let log = InMemoryEventLog()
        let clock = LeapingClock()
        let received = try await WebhookReceiver.run(answering: { number, _ in
            switch number {
            case 0: .init(status: 500)
            case 1: .init(status: 200, hangsUp: true)
            case 2: .init(status: 408)
            default: .init(status: 200)
            }
        }) { receiver, address in
            let sink = try WebhookSink(url: address, secret: secret)
            try await withAgentRuntime(log: log, sinks: [sink], configuration: configuration(clock)) { runtime in
                try await runtime.context(user: "u_1", thread: "t_1").emit(started)
                try await runtime.flushSinks()
                #expect(runtime.sinkStates[0].receivedCount == 1)
            }
            return receiver.requests
        }
        #expect(received.count == 4)
        #expect(Set(received.map(\.body)).count == 1)
        #expect(Set(received.map { $0.headers["idempotency-key"] }).count == 1)
        #expect(clock.sleeps.count == 3)
    }

    private var started: EventDraft { EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())) }

    @Test(arguments: [429, 503])
    func aReceiverThatAsksForTimeGetsIt(status: Int) async throws {
        let clock = LeapingClock()
        try await WebhookReceiver.run(answering: { number, _ in
            number < 30 ? .init(status: status, headers: ["Retry-After": "120"]) : .init(status: 200)
        }) { _, address in
            let sink = try WebhookSink(url: address, secret: secret)
            let log = InMemoryEventLog()
            try await withAgentRuntime(log: log, sinks: [sink], configuration: configuration(clock)) { runtime in
                try await runtime.context(user: "u_1", thread: "t_1").emit(started)
                try await runtime.flushSinks()
                #expect(runtime.sinkStates[0].receivedCount == 1)
            }
        }
        #expect(clock.sleeps == Array(repeating: .seconds(120), count: 30))
    }

    @Test func whatAloneIsRefusedForADayIsSetAside() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("refused-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let log = InMemoryEventLog()
        let clock = LeapingClock()
        let requests = try await WebhookReceiver.run(answering: { _, request in
            String(decoding: request.body, as: UTF8.self).contains("poison") ? .init(status: 422) : .init(status: 200)
        }) { receiver, address in
            let webhook = try WebhookSink(url: address, secret: secret)
            let sink = DurableSink(webhook, deadLetters: DeadLetterFile(path: path))
            try await withAgentRuntime(log: log, sinks: [sink], configuration: configuration(clock)) { runtime in
                let context = try await runtime.context(user: "u_1", thread: "t_1")
                let texts = ["a", "b", "poison", "c"]
                let thoughts = texts.map {
                    EventDraft(runID: "r_1", .agentThinking(AgentThinking(thoughtID: "th_1", text: $0)))
                }
                _ = try await context.emit([started] + thoughts)
                try await runtime.flushSinks()
                #expect(runtime.sinkStates[0].setAsideCount == 1)
                #expect(runtime.sinkStates[0].receivedCount == 4)
            }
            return receiver.requests
        }
        // What was taken last came once more, to see that the receiver takes something.
        let all = try await allEvents(in: log)
        var taken: [UInt64] = []
        for request in requests where !String(decoding: request.body, as: UTF8.self).contains("poison") {
            taken += try events(request, of: all).map(\.id.sequence)
        }
        #expect(taken == [1, 2, 3, 3, 5])
        #expect(clock.sleeps.reduce(.zero, +) >= .seconds(86_400))
        let letters = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(letters.count == 1)
        let letter = try JSONValue(parsing: Array(letters[0].utf8))
        #expect(letter["event"]?["data"]?["text"] == "poison")
        #expect(letter["error"]?.stringValue?.contains("422") == true)
        #expect(letter["attempts"]?.integerValue ?? 0 >= 20)
    }

    @Test func aRedirectIsNotFollowed() async throws {
        let requests = try await WebhookReceiver.run(answering: { _, request in
            request.path == "/elsewhere" ? .init(status: 200) : .init(status: 307, headers: ["Location": "/elsewhere"])
        }) { receiver, address in
            let sink = try WebhookSink(url: address, secret: secret)
            let event = StoredEvent(thread: "t_1", id: EventID(generation: 1, sequence: 1), bytes: Array("{}".utf8))
            let error = await #expect(throws: WebhookError.self) {
                try await sink.receive(SinkBatch(events: [event]))
            }
            #expect(error?.status == 307)
            #expect(error?.advice == .asUsual)
            #expect(error?.message.hasSuffix("it points to /elsewhere") == true)
            return receiver.requests
        }
        #expect(requests.map(\.path) == ["/hook?a=1"])
    }

    /// One answer of each kind is no reason to lose an event, or to let a later one overtake it.
    @Test(arguments: [301, 302, 304, 307, 400, 401, 403, 404, 405, 409, 413, 422, 429, 451, 500, 501, 503, 0])
    func whateverTheAnswerEveryEventComesInOrder(status: Int) async throws {
        let log = InMemoryEventLog()
        let requests = try await WebhookReceiver.run(answering: { number, _ in
            guard number > 0, number < 40 else { return .init(status: 200) }
            return .init(status: status, headers: ["Location": "/elsewhere"], hangsUp: status == 0)
        }) { receiver, address in
            let path = FileManager.default.temporaryDirectory.appendingPathComponent("refused-\(UUID().uuidString)")
                .path
            let sink = DurableSink(
                try WebhookSink(url: address, secret: secret), deadLetters: DeadLetterFile(path: path))
            try await withAgentRuntime(log: log, sinks: [sink], configuration: configuration()) { runtime in
                try await emit(1, runtime)
                try await runtime.flushSinks()
                try await emit(3, runtime)
                try await runtime.flushSinks()
                #expect(runtime.sinkStates[0].setAsideCount == 0)
            }
            #expect(!FileManager.default.fileExists(atPath: path))
            return receiver.requests
        }
        let all = try await allEvents(in: log)
        var taken: [StoredEvent] = []
        for (number, request) in requests.enumerated() where number == 0 || number >= 40 {
            taken += try events(request, of: all)
        }
        #expect(taken == all)
        #expect(Set(requests.map(\.path)) == ["/hook?a=1"])
    }

    @Test func aReceiverThatIsGoneIsAskedNoMore() async throws {
        let log = InMemoryEventLog()
        let requests = try await WebhookReceiver.run(answering: { _, _ in .init(status: 410) }) { receiver, address in
            let sink = DurableSink(try WebhookSink(url: address, secret: secret))
            try await withAgentRuntime(log: log, sinks: [sink], configuration: configuration()) { runtime in
                try await emit(3, runtime)
                try await runtime.flushSinks()
                try await emit(3, runtime)
                try await runtime.flushSinks()
                guard case .stopped(let error) = runtime.sinkStates[0].condition else {
                    Issue.record("it is stopped")
                    return
                }
                #expect((error as? WebhookError)?.code == .gone)
            }
            return receiver.requests
        }
        #expect(requests.count == 1)
    }

    @Test func aRestartGoesOnAndSendsWhatWasCommittedMeanwhile() async throws {
        let log = InMemoryEventLog()
        let isUp = Mutex(false)
        let received = try await WebhookReceiver.run(answering: { _, _ in
            .init(status: isUp.withLock { $0 } ? 200 : 502)
        }) { receiver, address in
            for round in 0..<3 {
                isUp.withLock { $0 = round != 1 }
                let sink = DurableSink(try WebhookSink(url: address, secret: secret))
                try await withAgentRuntime(log: log, sinks: [sink], configuration: configuration()) { runtime in
                    try await emit(3, runtime)
                    if round != 1 { try await runtime.flushSinks() }
                }
                log.close()
            }
            return receiver.requests
        }
        let all = try await allEvents(in: log)
        var seen: Set<StoredEvent> = []
        let firsts = try received.flatMap { try events($0, of: all) }.filter { seen.insert($0).inserted }
        #expect(firsts == all)
    }

    @Test func aReceiverThatIsNotThereIsUnreachable() async throws {
        // A port that only the superuser could listen on, for a service that nobody runs.
        let sink = try WebhookSink(url: "http://127.0.0.1:1/", secret: secret, timeout: .seconds(1))
        let event = StoredEvent(thread: "t_1", id: EventID(generation: 1, sequence: 1), bytes: Array("{}".utf8))
        let error = await #expect(throws: WebhookError.self) { try await sink.receive(SinkBatch(events: [event])) }
        #expect(error?.code == .unreachable)
        #expect(error?.advice == .asUsual)
    }

    @Test(arguments: ["", "example.com", "ftp://example.com", "unix:///x", "http://"])
    func anAddressThatIsNoneIsRefused(url: String) {
        let error = #expect(throws: WebhookError.self) { try WebhookSink(url: url, secret: secret) }
        #expect(error?.code == .urlInvalid)
    }

    @Test func aShortSecretIsRefused() {
        let error = #expect(throws: WebhookError.self) {
            try WebhookSink(url: "https://example.com", secret: Array("short".utf8))
        }
        #expect(error?.code == .secretTooShort)
    }
}
