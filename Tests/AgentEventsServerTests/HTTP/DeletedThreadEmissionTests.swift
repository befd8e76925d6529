import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Testing

@testable import AgentEventsServer

/// What is sent into a thread that was deleted is answered by whose it was, over HTTP and WebSocket alike, and whether its
/// context is in memory or not: it is when the process has deleted it, and it is not after a restart.
@Suite(.timeLimit(.minutes(10))) struct DeletedThreadEmissionTests {
    private static let event = #"{"type":"custom","data":{"name":"n","value":1}}"#

    /// All answers to one sender, as they are sent.
    private static func answers(
        _ service: RunningService,
        _ token: String,
        user: String? = nil,
        thread: String = "t_1"
    ) async throws -> [String] {
        let headers = ["Authorization": "Bearer \(token)", "Idempotency-Key": "k"]
        let of = user.map { "?user_id=\($0)" } ?? ""
        let path = "/v1/threads/\(thread)"
        var told: [String] = []
        for (rest, body) in [
            ("/events" + of, event),
            ("/events" + of, event + "\n" + event),
            ("/messages", #"{"text":"x"}"#),
            ("/commands", #"{"name":"stop"}"#),
            ("/commands", #"{"name":"message","data":{"text":"x"}}"#),
        ] {
            let answer = try await service.client.send("POST", path + rest, headers: headers, body: body)
            told.append("\(answer.status) \(answer.body)")
        }
        let member = user.map { #","user_id":"\#($0)""# } ?? ""
        try await service.withWebSocket(headers: headers) { socket in
            for request in [
                #"{"op":"emit","req":1,"thread_id":"\#(thread)"\#(member),"events":[\#(event)]}"#,
                #"{"op":"emit","req":1,"thread_id":"\#(thread)"\#(member),"key":"k","events":[\#(event),\#(event)]}"#,
                #"{"op":"command","req":1,"thread_id":"\#(thread)","key":"k","name":"message","data":{"text":"x"}}"#,
            ] {
                try await socket.send(request)
                var message = try await socket.message()
                while message["req"] == nil { message = try await socket.message() }
                told.append(String(decoding: message.encoded(), as: UTF8.self))
            }
        }
        return told.map { $0.replacing(thread, with: "T") }
    }

    private struct Answers: Equatable {
        var own: [String]
        var backend: [String]
        var foreign: [String]
        var backendForAnother: [String]
    }

    private static func all(_ service: RunningService) async throws -> Answers {
        Answers(
            own: try await answers(service, "u_1/read/command/open/emit"),
            backend: try await answers(service, "backend/read/command/open/emit", user: "u_1"),
            foreign: try await answers(service, "u_2/read/command/open/emit"),
            backendForAnother: try await answers(service, "backend/read/command/open/emit", user: "u_2"))
    }

    @Test func answersDoNotDependOnWhatIsInMemory() async throws {
        let log = InMemoryEventLog(generations: .counting)
        var foreign: [String] = []
        let inMemory = try await withRunningService(
            log: log, agents: [WaitingAgent()], authenticator: NamingAuthenticator()
        ) { service in
            for thread in ["t_1", "t_9"] {
                let opened = try await service.client.send(
                    "POST", "/v1/threads/\(thread)/events", headers: ["Authorization": "Bearer u_1/open/emit"],
                    body: Self.event)
                #expect(opened.status == 201)
            }
            let deleted = try await service.client.send(
                "DELETE", "/v1/threads/t_1", headers: ["Authorization": "Bearer u_1/share"])
            #expect(deleted.status == 202 || deleted.status == 200)
            foreign = try await Self.answers(service, "u_2/read/command/open/emit", thread: "t_9")
            return try await Self.all(service)
        }
        log.close()
        let afterRestart = try await withRunningService(
            log: log, agents: [WaitingAgent()], authenticator: NamingAuthenticator()
        ) { try await Self.all($0) }
        #expect(inMemory == afterRestart)
        // The user whose it was, and those who emit as this user.
        #expect(inMemory.own.allSatisfy { $0.contains("thread.deleted") }, "\(inMemory.own)")
        #expect(inMemory.own.prefix(5).allSatisfy { $0.hasPrefix("410 ") }, "\(inMemory.own)")
        for place in [0, 1, 5, 6] { #expect(inMemory.backend[place] == inMemory.own[place]) }
        // All others: a thread of somebody else, byte for byte.
        #expect(foreign.allSatisfy { $0.contains("thread.unknown") }, "\(foreign)")
        #expect(inMemory.foreign == foreign)
        for place in [0, 1, 5, 6] { #expect(inMemory.backendForAnother[place] == foreign[place]) }
    }
}
