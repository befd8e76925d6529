import AgentEvents
import Testing

struct JSONEqualityTests {
    private let composed = "\u{E9}"
    private let decomposed = "e\u{301}"

    @Test func stringsAreComparedByTheirBytes() {
        #expect(composed == decomposed, "Swift finds them equal, which is the trap")
        #expect(JSONValue.string(composed) != .string(decomposed))
        #expect(Set([JSONValue.string(composed), .string(decomposed)]).count == 2)
        // The same length in bytes, and canonically equivalent.
        #expect(JSONValue.string("\u{212B}") != .string("A\u{30A}"))
    }

    @Test func keysAreComparedByTheirBytes() throws {
        let text = #"{"\#(composed)":1,"\#(decomposed)":2}"#
        let value = try JSONValue(parsing: Array(text.utf8))
        #expect(value[composed] == 1)
        #expect(value[decomposed] == 2)
        #expect(value.encoded() == Array(text.utf8))
        var object = try #require(value.objectValue)
        object[decomposed] = nil
        #expect(object == [composed: 1])
        #expect(object != [decomposed: 1])
    }

    @Test func theOrderOfMembersDoesNotMatterAndTheOrderOfElementsDoes() {
        let one: JSONValue = ["a": 1, "b": [1, 2], "c": nil]
        let other: JSONValue = ["c": nil, "b": [1, 2], "a": 1]
        #expect(one == other)
        #expect(one.hashValue == other.hashValue)
        #expect(one != ["a": 1, "b": [2, 1], "c": nil])
        #expect(one != ["a": 1, "b": [1, 2]])
        #expect(one != ["a": 1, "b": [1, 2], "d": nil])
    }

    @Test func valuesOfDifferentKindsDiffer() throws {
        let values: [JSONValue] = [
            nil, false, true, 0, 1, "", "0", "null", [], [nil], [:], ["a": nil], .number(try #require(JSONNumber(0.5))),
            try JSONValue(parsing: Array("1.0".utf8)), try JSONValue(parsing: Array(#""\ud800""#.utf8)), "\u{FFFD}",
        ]
        #expect(Set(values).count == values.count)
    }
}
