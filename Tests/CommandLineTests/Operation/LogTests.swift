import AgentEvents
import AgentEventsTestSupport
import Foundation
import Logging
import Testing

@testable import agent_events

struct LogTests {
    private func logger(_ format: LogFormat, _ lines: LineRecord<String>) -> Logger {
        let level = ServiceLogHandler.SharedLevel(.info)
        return Logger(label: "agent-events") { label in
            ServiceLogHandler(
                label: label, format: format, level: level, now: { Timestamp(milliseconds: 1_700_000_000_123) },
                write: lines.append)
        }
    }

    @Test func aLineIsAnObjectWithNamesOfItsOwn() throws {
        let lines = LineRecord<String>()
        logger(.json, lines).warning(
            "a \"quoted\"\nmessage",
            metadata: ["thread.id": "t_1", "error.code": "x.y", "sink.name": "s", "duration.ms": "12", "user.id": "ü"])
        #expect(
            lines.all == [
                #"{"ts":"2023-11-14T22:13:20.123Z","level":"warning","msg":"a \"quoted\"\nmessage","user":"ü","#
                    + #""thread":"t_1","code":"x.y","duration_ms":12,"sink.name":"s"}"#
            ])
    }

    @Test func aTextIsOneLine() {
        let lines = LineRecord<String>()
        logger(.text, lines).error("a\nb", metadata: ["k": "c\r\nd\u{1B}[1m"])
        #expect(lines.all == ["2023-11-14T22:13:20.123Z error agent-events: k=c  d [1m a b"])
    }

    @Test func theLevelOfTheServiceCounts() {
        let lines = LineRecord<String>()
        var logger = logger(.text, lines)
        logger.logLevel = .trace
        logger.debug("hidden")
        #expect(lines.all == [])
        #expect(logger.logLevel == .info)
    }

    private static let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJlLWNhbmFyeQ"

    /// SEC-72: what is secret reaches no log, whatever it comes in.
    @Test(arguments: [LogFormat.text, .json])
    func sec72SecretsReachNoLog(_ format: LogFormat) {
        let lines = LineRecord<String>()
        let logger = logger(format, lines)
        let canary = "canary-73e1"
        logger.error("refused: Authorization: Bearer \(canary)")
        logger.error("refused bearer.\(Self.token), and (\(Self.token))")
        logger.error("GET https://me:\(canary)@example.org/x?access_token=\(canary) failed")
        logger.error(
            "failed",
            metadata: [
                "authorization": "\(canary)", "api_key": "\(canary)", "webhook.secret": "\(canary)",
                "id_token": "\(canary)", "url": "https://example.org/?k=\(canary)", "note": "Bearer \(canary)",
                "nested": ["error": "Bearer \(canary)", "token": "\(canary)"], "list": ["https://u:\(canary)@h/"],
            ])
        #expect(lines.all.count == 4)
        for line in lines.all {
            #expect(!line.contains(canary), "\(line)")
            #expect(!line.contains("c2lnbmF0dXJl"), "\(line)")
        }
    }

    @Test(arguments: [
        ("nothing secret here", "nothing secret here"), ("https://a.example/b", "https://a.example/b"),
        ("https://a.example/b?c=d", "https://a.example/b?***"), ("redis://x@h:1/", "redis://***@h:1/"),
        ("127.0.0.1:8080", "127.0.0.1:8080"), ("3-42 1.2.3", "3-42 1.2.3"),
    ])
    func whatIsNotSecretStays(_ text: String, _ shown: String) { #expect(LogRedaction.text(text) == shown) }
}
