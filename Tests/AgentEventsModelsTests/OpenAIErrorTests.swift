import AgentEvents
import NIOHTTP1
import Testing

@testable import AgentEventsModels

/// Errors of providers, times to wait, addresses, and secrets.
struct OpenAIErrorTests {
    private static let statuses: [(Int, String, ModelError.Code, Bool)] = [
        (400, "", .refused, false), (401, "", .unauthorized, false), (402, "", .refused, false),
        (403, "", .unauthorized, false), (404, "", .refused, false), (408, "", .timedOut, true),
        (409, "", .rateLimited, true), (413, "", .refused, false), (422, "", .refused, false),
        (429, "", .rateLimited, true), (500, "", .unavailable, true), (502, "<html>", .unavailable, true),
        (503, "", .unavailable, true), (504, "", .unavailable, true), (529, "", .unavailable, true),
        (307, "", .refused, false),
        (429, #"{"error":{"code":"insufficient_quota","message":"no money"}}"#, .refused, false),
        (429, #"{"error":{"code":"rate_limit_exceeded"}}"#, .rateLimited, true),
        (400, #"{"error":{"code":"content_filter","message":"no"}}"#, .filtered, false),
        // A status counts more than words.
        (400, #"{"error":{"type":"authentication_error"}}"#, .refused, false),
        (500, #"{"error":{"type":"invalid_request_error"}}"#, .unavailable, true),
    ]

    @Test(arguments: Self.statuses)
    func aStatusSaysWhetherAnotherTryHelps(status: Int, body: String, code: ModelError.Code, isRetryable: Bool) {
        let error = ProviderError(body: Array(body.utf8)).modelError(status: status, pause: .seconds(2))
        #expect(error.code == code)
        #expect(error.isRetryable == isRetryable)
        #expect(error.status == status)
        #expect(error.retryAfter == .seconds(2))
        #expect(error.message.hasPrefix("the provider answered with \(status)"))
        #expect(!error.message.contains("html"))
    }

    @Test(arguments: [
        (#"{"error":{"message":"words"}}"#, "words"), (#"{"error":"words"}"#, "words"),
        (#"{"message":"words"}"#, "words"), (#"{"detail":"words"}"#, "words"),
        (#"{"detail":[{"loc":["body"],"msg":"words"}]}"#, "words"), (#"[{"error":{"message":"words"}}]"#, "words"),
        (#"{"object":"error","message":"words"}"#, "words"), ("words", "words"), (#"{"a":1}"#, ""), ("", ""),
        ("[]", ""), ("5", ""), (#"{"error":{"message":5}}"#, ""), (#"{"error":null}"#, ""),
        ("\n{\"error\":{\"message\":\"words\"}}\n", "words"),
    ])
    func theWordsOfTheProviderAreFound(body: String, words: String) {
        #expect(ProviderError(body: Array(body.utf8)).message == words)
    }

    private static let pauses: [(HTTPHeaders, Duration?)] = [
        ([:], nil), (["Retry-After": "7"], .seconds(7)), (["retry-after": "0"], .zero), (["Retry-After": "-1"], nil),
        (["Retry-After": "0.25"], .milliseconds(250)), (["Retry-After": "soon"], nil),
        (["Retry-After": "99999999"], .seconds(3600)), (["Retry-After": "nan"], nil), (["Retry-After": "1.e9"], nil),
        (["Retry-After": "Sun, 06 Nov 1994 08:50:07 GMT"], .seconds(30)),
        (["Retry-After": "Sun, 06 Nov 1994 08:00:00 GMT"], .zero),
        (["retry-after-ms": "1500", "Retry-After": "7"], .milliseconds(1500)),
        (["retry-after-ms": "x", "Retry-After": "7"], .seconds(7)), (["retry-after-ms": "inf"], .seconds(3600)),
        (["retry-after-ms": "nan"], nil), (["retry-after-ms": "-5"], nil),
    ]

    @Test(arguments: Self.pauses)
    func theTimeToWaitIsReadInAllItsForms(headers: HTTPHeaders, pause: Duration?) {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = Timestamp(milliseconds: 784_111_777_000)
        if headers.first(name: "Retry-After") == "1.e9" {
            // However it is read, it is bounded.
            #expect(ProviderPause.read(headers, now: now) ?? .zero <= .seconds(3600))
        } else {
            #expect(ProviderPause.read(headers, now: now) == pause)
        }
    }

    // MARK: Addresses and secrets

    @Test(arguments: [
        ("https://api.example.com/v1", "https://api.example.com/v1/chat/completions"),
        ("https://api.example.com/v1/", "https://api.example.com/v1/chat/completions"),
        ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1/chat/completions"),
        ("http://localhost:8080", "http://localhost:8080/chat/completions"),
        ("http://[::1]:8080", "http://[::1]:8080/chat/completions"),
    ])
    func anAddressIsTaken(url: String, expected: String) throws {
        #expect(try OpenAICompatibleModel(url: url, model: "m").url == expected)
        let responses = try OpenAICompatibleModel(url: url, model: "m", dialect: .responses)
        #expect(responses.url.hasSuffix("/responses"))
    }

    @Test(arguments: ["", "api.example.com", "ftp://a", "https://", "https://a b", "https://u:p@a", "https://a?b=c"])
    func whatIsNoAddressIsRefused(url: String) {
        let error = #expect(throws: ModelError.self) { try OpenAICompatibleModel(url: url, model: "m") }
        #expect(error?.code == .urlInvalid)
        #expect(error?.isRetryable == false)
    }

    @Test(arguments: ["http://api.example.com/v1", "http://127.0.0.1.example.com", "http://10.0.0.1:8000"])
    func whatOthersCouldReadGoesToThisMachineOnly(url: String) throws {
        let error = #expect(throws: ModelError.self) { try OpenAICompatibleModel(url: url, model: "m") }
        #expect(error?.code == .urlUnsafe)
        _ = try OpenAICompatibleModel(url: url, model: "m", allowsPlaintext: true)
    }

    @Test(arguments: ["a key", "k\r\nx: y", "schlüssel"])
    func aKeyThatCannotBeSentIsRefusedAndNotShown(key: String) {
        for (key, headers) in [(key, [:]), (nil, ["x-key": key + "\u{1}"])] as [(String?, [String: String])] {
            let error = #expect(throws: ModelError.self) {
                try OpenAICompatibleModel(url: "https://a", model: "m", key: key, headers: headers)
            }
            #expect(error?.code == .keyInvalid)
            #expect(error?.message.contains("schl") == false)
        }
    }

    @Test func aKeyIsSentWithoutTheWhiteSpaceAtItsEnds() throws {
        let secrets = try ProviderSecrets(key: " sk-123\n", headers: ["X-A": "b"])
        #expect(secrets.requestHeaders["authorization"] == ["Bearer sk-123"])
        #expect(secrets.requestHeaders["x-a"] == ["b"])
        #expect(try ProviderSecrets(key: "", headers: [:]).requestHeaders["authorization"].isEmpty)
        #expect(try ProviderSecrets(key: nil, headers: [:]).requestHeaders["authorization"].isEmpty)
        // As some want it.
        let own = try ProviderSecrets(key: "k", headers: ["Authorization": "Token k"])
        #expect(own.requestHeaders["authorization"] == ["Token k"])
    }

    @Test func noDescriptionShowsASecret() throws {
        let model = try OpenAICompatibleModel(
            url: "https://a/v1", model: "m", key: "sk-hidden-1234", headers: ["x-key": "hidden-value"])
        var dumped = ""
        dump(model, to: &dumped)
        for text in ["\(model)", String(reflecting: model), dumped] { #expect(!text.contains("hidden"), "\(text)") }
        #expect("\(model)" == "m at https://a/v1/chat/completions")
    }

    @Test(arguments: [
        ("the key sk-hidden-12345678 is wrong", "the key … is wrong"),
        (#"the key "sk-hidden-12345678" is wrong"#, #"the key "…" is wrong"#),
        ("Incorrect API key provided: sk-hidde*********5678.", "Incorrect API key provided: …"),
        ("sk-hidden-12345678sk-hidden-12345678", "……"), ("a header of my value", "a header of …"),
        ("the key sk-hid is wrong", "the key sk-hid is wrong"), ("two\nlines\t here", "two lines  here"),
        (String(repeating: "a", count: 500), String(repeating: "a", count: 400) + "…"), ("", ""),
    ])
    func aMessageIsShownWithoutTheSecrets(message: String, shown: String) throws {
        let secrets = try ProviderSecrets(
            key: "sk-hidden-12345678", headers: ["x-key": "my value", "x-version": "1"])
        #expect(secrets.removed(from: ModelError(.refused, message)).message == shown)
    }

    @Test func aShortKeyIsNotShownEither() throws {
        let secrets = try ProviderSecrets(key: "sk-1", headers: [:])
        #expect(secrets.removed(from: ModelError(.refused, "no sk-1!")).message == "no …!")
    }
}
