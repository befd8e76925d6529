import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Crypto
import Foundation
import HTTPTypes
import Testing

@testable import AgentEventsServer

/// What other systems send, and what is made of it.
@Suite(.timeLimit(.minutes(5))) struct HooksTests {
    private static let secret = Array("a secret of some length".utf8)
    private let clock = ManualClock()

    private struct Echo: ServedAgent {
        var name: AgentName { "guide" }
        func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
            prompt.data ?? .string(prompt.text)
        }
    }

    private func withService(
        _ action: IncomingHook.Action = .message("{{name}} was built: {{status.code}}"),
        thread: String = "t_builds",
        _ body: (RunningService) async throws -> Void
    ) async throws {
        var runtime = RuntimeConfiguration()
        runtime.clock = clock.wallClock
        let hook = try IncomingHook("builds", secret: Self.secret, user: "u_1", thread: thread, action)
        try await withRunningService(agents: [Echo()], runtime: runtime, extensions: [.hooks([hook])]) {
            (service: RunningService) async throws in
            try await body(service)
        }
    }

    private var seconds: Int64 { clock.wallClock.now().milliseconds / 1000 }

    private func standard(_ body: String, id: String, at time: Int64? = nil, secret: [UInt8] = secret) -> [String:
        String]
    {
        let time = time ?? seconds
        let code = HMAC<SHA256>.authenticationCode(
            for: Data("\(id).\(time).\(body)".utf8), using: SymmetricKey(data: secret))
        return [
            "webhook-id": id, "webhook-timestamp": "\(time)",
            "webhook-signature": "v1,AAAA v2,x v1,\(Data(code).base64EncodedString())",
        ]
    }

    private func own(_ body: String) -> [String: String] {
        let signature = WebhookSignature(signing: Array(body.utf8), secret: Self.secret, time: clock.wallClock.now())
        return [WebhookSignature.headerName: signature.headerValue]
    }

    private static let body = #"{"name":"app","status":{"code":7}}"#

    private func post(
        _ service: RunningService, _ headers: [String: String], _ body: String = body
    ) async throws -> RawHTTPClient.Answer {
        try await service.client.send("POST", "/v1/hooks/builds", headers: headers, body: body)
    }

    @Test func aDeliveryIsAMessageOnce() async throws {
        try await withService { (service: RunningService) async throws in
            let first = try await post(service, standard(Self.body, id: "d_1"))
            #expect(first.status == 202)
            let json = try first.json
            #expect(json["thread_id"] == "t_builds" && json["run_id"] != nil)
            // Signed again, as a sender does that has got no answer.
            clock.advance(by: .seconds(60))
            #expect(try await post(service, standard(Self.body, id: "d_1")).json["message_id"] == json["message_id"])
            #expect(try await post(service, standard(Self.body, id: "d_2")).json["message_id"] != json["message_id"])
            let other = #"{"name":"lib","status":{"code":0}}"#
            let conflict = try await post(service, standard(other, id: "d_2"), other)
            #expect(try conflict.status == 409 && conflict.errorCode == "key.conflict")
            let texts = try await service.loggedEvents(in: "t_builds").compactMap { event -> String? in
                guard case .userMessage(let message) = event.payload else { return nil }
                #expect(message.userID == "u_1")
                return message.text
            }
            #expect(texts == ["app was built: 7", "app was built: 7"])
        }
    }

    /// Nobody has signed the key in the header: a request that was recorded is no other delivery by another key.
    @Test func ourOwnSignatureKnowsADeliveryByItsBody() async throws {
        try await withService { (service: RunningService) async throws in
            let headers = own(Self.body)
            let first = try await post(service, headers.merging(["Idempotency-Key": #""a""#]) { $1 })
            let replayed = try await post(service, headers.merging(["Idempotency-Key": #""b""#]) { $1 })
            #expect(first.status == 202)
            #expect(try first.json["message_id"] == replayed.json["message_id"])
        }
    }

    @Test func whatIsNotSignedWithTheSecretOrNotNowIsRefused() async throws {
        try await withService { (service: RunningService) async throws in
            let good = standard(Self.body, id: "d_1")
            var cases: [[String: String]] = [
                [:], standard(Self.body, id: "d_1", secret: Array("another secret of some".utf8)),
                standard(Self.body, id: "d_1", at: seconds - 301), standard(Self.body, id: "d_1", at: seconds + 301),
                standard(Self.body + " ", id: "d_1"), [WebhookSignature.headerName: "t=1,v1=00"],
            ]
            for (name, value) in [
                ("webhook-id", "d_2"), ("webhook-timestamp", "\(seconds + 1)"), ("webhook-signature", "v1"),
            ] {
                cases.append(good.merging([name: value]) { $1 })
            }
            for headers in cases {
                let answer = try await post(service, headers)
                #expect(try answer.status == 401 && answer.errorCode == "hook.signature", "\(headers)")
                #expect(answer.headers["www-authenticate"] == nil)
            }
            #expect(try await service.loggedEvents(in: "t_builds").isEmpty)
            #expect(try await post(service, standard(Self.body, id: "d_1", at: seconds - 299)).status == 202)
            let unknown = try await service.client.send("POST", "/v1/hooks/other", headers: good, body: Self.body)
            #expect(try unknown.status == 401 && unknown.errorCode == "hook.signature")
            let wrong = try await post(service, standard(Self.body, id: "d_1", secret: Array("another secret".utf8)))
            #expect(unknown.body == wrong.body)
            let many = String(repeating: "v1,\(Data(count: 32).base64EncodedString()) ", count: 4000)
            let answer = try await post(service, good.merging(["webhook-signature": many + "v1,"]) { $1 })
            #expect(answer.status == 401 || answer.status == 431)
            #expect(try await service.client.get("/v1/hooks/builds").status == 405)
        }
    }

    /// Also signatures that are missing, and those of hooks that are not there; then no body is read any longer.
    @Test func whatIsNotSignedCountsAsCredentialsThatDoNotCount() async throws {
        let hook = try IncomingHook("builds", secret: Self.secret, user: "u_1", thread: "t_1", .message("x"))
        let wrong = ["webhook-id": "d", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"]
        try await withRunningService(agents: [Echo()], extensions: [.hooks([hook])]) {
            var limits = LimitConfiguration.none
            limits.includesLoopback = true
            limits.authenticationFailuresPerAddress = RateLimit(3, per: .seconds(86_400))
            $0.limits = limits
        } _: { service in
            let cases: [(hook: String, headers: [String: String])] = [
                ("builds", [:]), ("other", wrong), ("other", [:]),
            ]
            for (hook, headers) in cases {
                let answer = try await service.client.send("POST", "/v1/hooks/\(hook)", headers: headers, body: "{}")
                #expect(try answer.status == 401 && answer.errorCode == "hook.signature")
            }
            let body = String(repeating: " ", count: 1024 * 1024 + 1)
            for body in ["{}", body] {
                let answer = try await service.client.send("POST", "/v1/hooks/builds", headers: wrong, body: body)
                #expect(try answer.status == 429 && answer.errorCode == "limits.auth_failures")
            }
        }
    }

    @Test(arguments: [
        ("[1", 400), ("[]", 400), (#"{"name":"app"}"#, 400), (#"{"name":"app","status":{"code":null}}"#, 202),
        (#"{"name":"\#(String(repeating: "x", count: 70_000))","status":{"code":1}}"#, 400),
    ])
    func aBodyThatDoesNotFitIsSaid(body: String, status: Int) async throws {
        try await withService { (service: RunningService) async throws in
            let answer = try await post(service, standard(body, id: "d"), body)
            #expect(answer.status == status)
            if status == 400 { #expect(try answer.errorCode == "hook.invalid") }
        }
    }

    @Test func aBodyOfMoreThanAMebibyteIsNotRead() async throws {
        try await withService { (service: RunningService) async throws in
            let body = String(repeating: " ", count: 1024 * 1024 + 1)
            let answer = try await post(service, standard(body, id: "d"), body)
            #expect(answer.status == 413)
        }
    }

    @Test func aRunGetsTheBodyInAThreadOfItsOwn() async throws {
        try await withService(.start(input: "{{.}}"), thread: "build-{{status.code}}") {
            (service: RunningService) async throws in
            let answer = try await post(service, standard(Self.body, id: "d_1"))
            #expect(try answer.json["thread_id"] == "build-7" && answer.json["message_id"] == nil)
            for try await event in try await service.runtime.events(user: "u_1", thread: "build-7") {
                guard case .agentCompleted(let completed) = event.payload else { continue }
                #expect(completed.result == ["name": "app", "status": ["code": 7]])
                break
            }
            let bad = #"{"name":"app","status":{"code":"no thread"}}"#
            #expect(try await post(service, standard(bad, id: "d_2"), bad).errorCode == "hook.invalid")
        }
    }

    @Test(arguments: ["{{", "{{}}", "{{a..b}}", "{{.a}}", "", "x {{a"]) func aTemplateThatIsNoneIsSaid(text: String) {
        #expect(throws: HookError.self) {
            try IncomingHook("h", secret: Self.secret, user: "u_1", thread: "t_1", .message(text))
        }
    }

    @Test func templatesTakeMembersAndElements() throws {
        let body: JSONValue = ["a": ["b": [1, "two", ["c": true]]], "0": "zero"]
        #expect(try HookTemplate("{{a.b.1}}/{{ a.b.2.c }}/{{0}}/{{a.b.0}}}").text(body) == "two/true/zero/1}")
        #expect(try HookTemplate("{{a.b}}").value(body) == [1, "two", ["c": true]])
        #expect(throws: HookTemplate.Fault.self) { try HookTemplate("{{a.b.3}}").text(body) }
        #expect(throws: HookTemplate.Fault.self) { try HookTemplate("{{a.b.-1}}").text(body) }
    }

    @Test func secretsOfStandardWebhooksAreRead() throws {
        #expect(try IncomingHook.secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").count == 24)
        #expect(try IncomingHook.secret("plain") == Array("plain".utf8))
        #expect(throws: HookError.self) { try IncomingHook.secret("whsec_!") }
        #expect(throws: HookError.self) {
            try IncomingHook("h", secret: [1, 2, 3], user: "u_1", thread: "t_1", .message("x"))
        }
        for count in 0..<40 {
            let bytes = (0..<count).map { UInt8($0 * 37 % 256) }
            #expect(Base64.decode(Data(bytes).base64EncodedString()) == bytes)
        }
        for text in ["A", "AA", "AAA", "A===", "AA=A", "AAAA=", "AA A", "AA-_"] { #expect(Base64.decode(text) == nil) }
    }

    /// The example of the specification of Standard Webhooks.
    @Test func theExampleOfTheSpecificationCounts() throws {
        let body = #"{"test": 2432232314}"#
        let secret = try IncomingHook.secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        let headers: [(String, String)] = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"), ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ]
        var fields = HTTPFields()
        for (name, value) in headers { fields[try #require(HTTPField.Name(name))] = value }
        let signature = try #require(HookSignature(fields))
        let delivery = try signature.verify(
            Array(body.utf8), secret: secret, now: Timestamp(milliseconds: 1_614_265_330_000))
        #expect(delivery == "id msg_p5jXN8AQM9LWM0D4loKWxJek")
    }
}
