import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import Testing

struct IngestBodyTests {
    private static let event = #"{"type":"custom","data":{"name":"n","value":1}}"#

    private func decode(_ text: String, _ format: IngestFormat) throws(ProtocolError) -> [EventDraft] {
        try IngestBody(format: format, maximumCount: 3).decode(Array(text.utf8), thread: "t_7")
    }

    @Test(arguments: [
        (event, IngestFormat.object, 1), (" \n\(event)\n", .object, 1),
        ("{\n\"type\":\"custom\",\n\"data\":{\"name\":\"n\",\"value\":1}}", .object, 1),
        (event, .lines, 1), ("\(event)\n\(event)\n", .lines, 2), ("\n\(event)\r\n\r\n \n\(event)", .lines, 2),
        (event, .byContent, 1), ("\(event)\n\(event)\n\(event)\n", .byContent, 3),
        ("{\n\"type\":\"custom\",\n\"data\":{\"name\":\"n\",\"value\":1}}\n", .byContent, 1),
        ("\u{FEFF}\(event)", .object, 1), ("\u{FEFF}\(event)\r\n\(event)", .lines, 2),
        ("\u{FEFF}\(event)", .byContent, 1),
    ])
    func eventsAreRead(_ text: String, _ format: IngestFormat, _ count: Int) throws {
        #expect(try decode(text, format).count == count)
    }

    @Test(
        arguments: [
            ("", IngestFormat.object, "event.empty_batch", nil, nil),
            (" \n", .lines, "event.empty_batch", nil, nil),
            ("", .byContent, "event.empty_batch", nil, nil),
            ("\(event)\n\(event)", .object, "json.syntax", 0, nil),
            ("[\(event)]", .byContent, "event.wrong_type", 0, nil),
            ("\(event)\n\(event.dropLast(9))", .lines, "json.syntax", 1, "line 2: "),
            ("\(event)\n\(event.dropLast(9))", .byContent, "json.syntax", 1, "line 2: "),
            (
                "\n\(event)\n\n{\"type\":\"custom\",\"data\":{\"name\":\"n\"}}\n", .lines, "event.missing_field", 1,
                "line 4: "
            ),
            ("{\n\(event)", .byContent, "json.syntax", 0, nil),
            ("\(event)\n\(event)\n\(event)\n\(event)", .lines, "limits.batch_events", nil, nil),
        ] as [(String, IngestFormat, String, Int?, String?)])
    func malformedBodiesAreRefused(
        _ text: String, _ format: IngestFormat, _ code: String, _ index: Int?, _ prefix: String?
    ) throws {
        let error = try #require(throws: ProtocolError.self) { try decode(text, format) }
        #expect(error.code.rawValue == code)
        #expect(error.index == index)
        if let prefix { #expect(error.message.hasPrefix(prefix)) }
    }

    @Test(
        arguments: [
            (nil, IngestFormat.byContent), ("application/x-www-form-urlencoded", .byContent),
            ("application/json", .object), ("Application/JSON; charset=utf-8", .object),
            ("application/x-ndjson", .lines), ("application/ndjson ;x=y", .lines), ("application/jsonl", .lines),
            ("text/plain", nil), ("multipart/form-data", nil),
        ] as [(String?, IngestFormat?)])
    func theMediaTypeDecides(_ type: String?, _ format: IngestFormat?) throws {
        if let format {
            #expect(try IngestFormat(contentType: type) == format)
        } else {
            let error = try #require(throws: ProtocolError.self) { try IngestFormat(contentType: type) }
            #expect(error.code == .mediaTypeUnknown)
        }
    }
}
