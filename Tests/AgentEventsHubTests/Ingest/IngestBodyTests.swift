import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
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
        ("\u{FEFF}\(event)", .byContent, 1), ("\u{FEFF}\n \r\n\(event) \r\n\t\n\(event)", .byContent, 2),
        ("\n\n  \(event)  \n\n", .byContent, 1),
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
            ("\(event) x\n\(event)", .byContent, "json.syntax", 0, "there is \"x\" where the end of the text"),
            ("{\n\"type\":\"custom\"}\n\(event)", .byContent, "json.syntax", 0, "there is \"{\" where the end"),
            ("\n\n\(event)\n[]", .byContent, "event.wrong_type", 1, "line 4: "),
            ("[]\n[]", .byContent, "event.wrong_type", 0, "line 1: "),
            // How many there are is looked at before any of them.
            ("[]\n]\n\u{0}\n{", .lines, "limits.batch_events", nil, nil),
            ("[]\n]\n\u{0}\n{", .byContent, "limits.batch_events", nil, nil),
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

    @Test func placesCountFromTheBeginOfTheLine() throws {
        for format in [IngestFormat.lines, .byContent] {
            let error = try #require(throws: ProtocolError.self) { try decode("\n\(Self.event)\n  {\"a\" 1}", format) }
            #expect(error.message.hasPrefix("line 3: "))
            #expect(error.message.hasSuffix("byte 7)"))
        }
    }

    /// The lines of random texts are those of a split.
    @Test func linesAreThoseOfASplit() {
        for seed in 0..<2000 as Range<UInt64> {
            var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
            var bytes: [UInt8] = []
            for _ in 0..<Int(seed % 23) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append([10, 10, 32, 13, 97, 98][Int(state >> 33) % 6])
            }
            let expected = bytes.split(separator: 10, omittingEmptySubsequences: false).enumerated()
                .filter { !$0.element.allSatisfy { $0 == 32 || $0 == 13 } }
            var lines = TextLines(bytes[...])
            #expect(lines.count(upTo: 3) == min(3, expected.count))
            var found: [TextLines.Line] = []
            while let line = lines.next() { found.append(line) }
            #expect(found.map(\.number) == expected.map { $0.offset + 1 })
            #expect(found.map(\.bytes) == expected.map(\.element))
        }
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
