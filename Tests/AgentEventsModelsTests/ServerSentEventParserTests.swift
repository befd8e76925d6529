import AgentEventsTesting
import Testing

@testable import AgentEventsModels

/// Server-sent events, as the HTML standard has them.
struct ServerSentEventParserTests {
    private func events(of pieces: [[UInt8]], limit: Int = 1 << 20) throws -> [ServerSentEvent] {
        var parser = ServerSentEventParser(limit: limit)
        var events: [ServerSentEvent] = []
        for piece in pieces {
            var rest = piece[...]
            while let event = try parser.next(in: &rest) { events.append(event) }
            #expect(rest.isEmpty)
        }
        return events
    }

    private static let table: [(String, [String])] = [
        ("data: a\n\n", ["message:a"]), ("data:a\n\n", ["message:a"]), ("data:  a\n\n", ["message: a"]),
        ("data: a\r\n\r\n", ["message:a"]), ("data: a\r\r", ["message:a"]), ("data: a\r\n\n", ["message:a"]),
        ("data: a\n\r\n", ["message:a"]), ("data: a\n\rdata: b\r\r\n", ["message:a", "message:b"]),
        // CRLF is one end of a line.
        ("data: a\r\ndata: b\r\n\r\n", ["message:a\nb"]), ("event: x\r\ndata: a\r\n\r\n", ["x:a"]),
        ("data: a\r\n\r\ndata: b\r\n\r\n", ["message:a", "message:b"]),
        ("data: a\ndata: b\n\n", ["message:a\nb"]), ("data\n\n", ["message:"]), ("data\ndata\n\n", ["message:\n"]),
        ("data:\ndata: a\n\n", ["message:\na"]),
        ("event: x\ndata: a\n\ndata: b\n\n", ["x:a", "message:b"]), ("event: x\n\ndata: b\n\n", ["message:b"]),
        ("event: x\nevent: y\ndata: a\n\n", ["y:a"]), ("event:\ndata: a\n\n", ["message:a"]),
        ("event\ndata: a\n\n", ["message:a"]),
        (": comment\ndata: a\n: another\n\n", ["message:a"]), (":\n\n:\n\n", []),
        ("id: 7\nretry: 10\ndata: a\n\n", ["message:a"]), ("id: 7\n\n", []),
        ("\u{FEFF}data: a\n\n", ["message:a"]), ("\u{FEFF}\u{FEFF}data: a\n\n", []),
        ("data: a\n\n\u{FEFF}data: b\n\n", ["message:a"]), ("\u{FEFF}\ndata: a\n\n", ["message:a"]),
        ("Data: a\n\n", []), (" data: a\n\n", []), ("datax: a\n\n", []), ("data : a\n\n", []),
        ("data: a", []), ("data: a\n", []), ("data: a\r", []), ("", []), ("\n\n\n", []), ("\r\n\r\n", []),
        ("data: é🧭\n\n", ["message:é🧭"]), ("data: a: b\n\n", ["message:a: b"]), ("data: \u{0}\n\n", ["message:\u{0}"]),
        ("event: é\ndata: a\n\n", ["é:a"]),
    ]

    private func shown(_ events: [ServerSentEvent]) -> [String] {
        events.map { "\($0.name):\(String(decoding: $0.data, as: UTF8.self))" }
    }

    @Test(arguments: Self.table)
    func aStreamIsReadAsTheStandardSays(text: String, expected: [String]) throws {
        #expect(try shown(events(of: [Array(text.utf8)])) == expected)
    }

    @Test(arguments: Self.table)
    func whereItIsCutMakesNoDifference(text: String, expected: [String]) throws {
        let bytes = Array(text.utf8)
        for cut in bytes.indices {
            #expect(try shown(events(of: [Array(bytes[..<cut]), Array(bytes[cut...])])) == expected, "cut at \(cut)")
        }
        #expect(try shown(events(of: bytes.map { [$0] })) == expected)
    }

    /// Streams out of the pieces that mean something, each read whole and in parts.
    @Test func anyStreamIsTheSameHoweverItIsCut() throws {
        let words = [
            "data", ":", " ", "\n", "\r", "\r\n", "\n\n", "event", "id", "a", "data: b\n", "\u{FEFF}", "é", "\u{0}",
        ]
        var random = SeededGenerator(seed: 7)
        for _ in 0..<2000 {
            let count = Int.random(in: 0..<24, using: &random)
            let bytes = (0..<count).flatMap { _ in Array(words[Int.random(in: 0..<words.count, using: &random)].utf8) }
            let whole = try events(of: [bytes])
            var pieces: [[UInt8]] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let size = Int.random(in: 1...min(rest.count, 5), using: &random)
                pieces.append(Array(rest.prefix(size)))
                rest = rest.dropFirst(size)
            }
            #expect(try events(of: pieces) == whole, "\(bytes)")
        }
    }

    @Test func bytesThatAreNotUTF8AreKeptAsTheyAre() throws {
        let events = try events(of: [Array("data: ".utf8) + [0xFF, 0xC0] + Array("\n\n".utf8)])
        #expect(events == [ServerSentEvent(data: [0xFF, 0xC0])])
    }

    @Test(arguments: [
        "data: " + String(repeating: "a", count: 100), String(repeating: "data: aaaa\n", count: 10),
        "event: " + String(repeating: "a", count: 100), ": " + String(repeating: "a", count: 100),
        String(repeating: "a", count: 100),
    ])
    func anEventThatIsTooLargeIsAnErrorWhereverItIsCut(text: String) throws {
        let bytes = Array(text.utf8)
        for pieces in [[bytes], bytes.map { [$0] }] {
            #expect(throws: ServerSentEventParser.TooLarge(limit: 32)) { try events(of: pieces, limit: 32) }
        }
    }

    @Test func manyEventsTogetherMayBeLargerThanTheLimit() throws {
        let text = String(repeating: "data: aaaa\n\n", count: 1000)
        #expect(try events(of: [Array(text.utf8)], limit: 32).count == 1000)
    }
}
