import AgentEvents
import Foundation
import Testing

struct JSONCodableTests {
    struct Everything: Codable, Equatable {
        var smallest = Int64.min
        var largest = Int64.max
        var unsigned = UInt64.max
        var decimal = Decimal(string: "12345678901234567890.123456789012345678")
        var date = Date(timeIntervalSinceReferenceDate: 817_481_400.123_456)
        var double = 0.1 + 0.2
        var tiny = Double.leastNonzeroMagnitude
        var huge = Double.greatestFiniteMagnitude
        var text = "e\u{301} \u{0} \" \\ 👍"
        var data = Data([0, 255, 128])
        var list: [Int?] = [1, nil, 3]
        var nested = ["a": ["b": true]]
        var absent: Int?
        var address = URL(string: "https://example.org/a?b=c")
    }

    @Test func valuesOfEveryKindSurvive() throws {
        let everything = Everything()
        let value = try JSONValue(encoding: everything)
        #expect(value["largest"] == .integer(Int64.max))
        #expect(value["unsigned"] == .integer(UInt64.max))
        #expect(value["absent"] == nil)
        #expect(try value.decode(as: Everything.self) == everything)
        #expect(try JSONValue(parsing: value.encoded()).decode(as: Everything.self) == everything)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func aNumberThatIsNotFiniteThrows(_ number: Double) {
        #expect(throws: EncodingError.self) { try JSONValue(encoding: [number]) }
        #expect(JSONNumber(number) == nil)
    }

    @Test(arguments: ["1", #""text""#, "null", "true", "[]", "[1e400]"])
    func aFragmentIsTakenToo(_ text: String) throws {
        let value = try JSONValue(parsing: Array(text.utf8))
        #expect(try JSONValue(encoding: value) == value)
        #expect(try value.decode(as: JSONValue.self) == value)
        #expect(try JSONValue(encoding: [value]).decode(as: [JSONValue].self) == [value])
    }

    @Test func aPlainValueIsConverted() throws {
        #expect(try JSONValue(encoding: 3) == 3)
        #expect(try JSONValue(encoding: "x") == "x")
        #expect(try JSONValue(encoding: Int?.none) == .null)
        #expect(try JSONValue(encoding: RunID("r_1")) == "r_1")
        #expect(try JSONValue.string("r_1").decode(as: RunID.self) == "r_1")
    }

    @Test(arguments: [("256", true), ("-1", true), ("255", false)])
    func aNumberThatTheTypeCannotHoldThrows(_ literal: String, _ throwing: Bool) throws {
        let value = try JSONValue(parsing: Array(literal.utf8))
        #expect(((try? value.decode(as: UInt8.self)) == nil) == throwing)
    }

    @Test(arguments: ["1", "-5", "18446744073709551615", "0.1", "1.50", "1e300", "12345678901234567890123456789", "-0"])
    func foundationsEncoderKeepsTheValueOfANumber(_ literal: String) throws {
        let value = try JSONValue(parsing: Array(literal.utf8))
        let data = try JSONEncoder().encode([value])
        let back = try JSONDecoder().decode([JSONValue].self, from: data)
        #expect(Decimal(string: back[0].numberValue?.literal ?? "") == Decimal(string: literal))
    }

    @Test(arguments: ["1e400", "0.12345678901234567890123456789012345678901234567890", #""\ud83d""#])
    func foundationsEncoderRefusesWhatItWouldChange(_ text: String) throws {
        let value = try JSONValue(parsing: Array(text.utf8))
        #expect(throws: EncodingError.self) { try JSONEncoder().encode([value]) }
    }

    @Test func foundationsCodersKeepTheRest() throws {
        let value: JSONValue = ["a": [nil, true, "e\u{301}", ["b": [:]]], "c": []]
        #expect(try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value)) == value)
    }

    @Test func jsonInsideOfAnythingStaysExact() throws {
        struct Numbered: Codable, Equatable {
            enum CodingKeys: Int, CodingKey { case first = 1, second = 0 }
            var first: JSONValue
            var second: [Int: JSONValue]
        }
        let odd = try JSONValue(parsing: Array(#"[1e400,"\ud83d",1.0]"#.utf8))
        let numbered = Numbered(first: odd, second: [3: odd, 10: 2])
        let value = try JSONValue(encoding: [numbered, numbered])
        #expect(
            value == [["first": odd, "second": ["3": odd, "10": 2]], ["first": odd, "second": ["3": odd, "10": 2]]])
        #expect(try value.decode(as: [Numbered].self) == [numbered, numbered])
    }

    @Test func textWithHalfAPairIsNotDecodedAsText() throws {
        let value = try JSONValue(parsing: Array(#"["\ud83d"]"#.utf8))
        #expect(throws: (any Error).self) { try value.decode(as: [String].self) }
    }
}
