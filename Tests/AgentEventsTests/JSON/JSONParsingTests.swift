import AgentEvents
import Testing

struct JSONParsingTests {
    /// Offsets count from the begin of the part.
    @Test func aPartOfATextIsParsedWhereItIs() throws {
        let text = "[1] {\"a\":[2,null]} x"
        let bytes = Array(text.utf8)
        let part = bytes[4..<bytes.count - 2]
        let value: JSONValue = ["a": [2, nil]]
        #expect(try JSONValue(parsing: part) == value)
        #expect(try JSONValue(parsing: text.utf8.dropFirst(4).dropLast(2)) == value)
        #expect(try JSONValue(parsing: part.lazy.map { $0 }) == value)
        let error = #expect(throws: WireError.self) { try JSONValue(parsing: bytes[4...]) }
        #expect(error?.offset == bytes.count - 5)
    }

    struct Malformed: CustomTestStringConvertible, Sendable {
        var text: String
        var code: WireError.Code
        var path = "$"
        var offset: Int

        init(_ text: String, _ code: WireError.Code, _ path: String = "$", at offset: Int) {
            self.text = text
            self.code = code
            self.path = path
            self.offset = offset
        }

        var testDescription: String { text }
    }

    @Test(arguments: [
        Malformed("", .syntax, at: 0),
        Malformed("   ", .syntax, at: 3),
        Malformed("nul", .syntax, at: 0),
        Malformed("nulls", .syntax, at: 4),
        Malformed("True", .syntax, at: 0),
        Malformed("1 2", .syntax, at: 2),
        Malformed("1\u{0}", .syntax, at: 1),
        Malformed("\u{FEFF}1", .syntax, at: 0),
        Malformed("\u{A0}1", .syntax, at: 0),
        Malformed("'a'", .syntax, at: 0),
        Malformed("\"a", .syntax, at: 2),
        Malformed("\"a\nb\"", .syntax, at: 2),
        Malformed("\"\u{1F}\"", .syntax, at: 1),
        Malformed(#""\x""#, .syntax, at: 1),
        Malformed(#""\u12G4""#, .syntax, at: 1),
        Malformed(#""\u12"#, .syntax, at: 5),
        Malformed(#""\"#, .syntax, at: 2),
        Malformed("[", .syntax, "$[0]", at: 1),
        Malformed("[1", .syntax, "$", at: 2),
        Malformed("[1,]", .syntax, "$[1]", at: 3),
        Malformed("[,1]", .syntax, "$[0]", at: 1),
        Malformed("[1 2]", .syntax, at: 3),
        Malformed("[1}", .syntax, at: 2),
        Malformed("]", .syntax, at: 0),
        Malformed("{", .syntax, at: 1),
        Malformed("{a:1}", .syntax, at: 1),
        Malformed(#"{"a"}"#, .syntax, "$.a", at: 4),
        Malformed(#"{"a" 1}"#, .syntax, "$.a", at: 5),
        Malformed(#"{"a":}"#, .syntax, "$.a", at: 5),
        Malformed(#"{"a":1,}"#, .syntax, at: 7),
        Malformed(#"{"a":1 "b":2}"#, .syntax, at: 7),
        Malformed(#"{"a":[1,{"b c":tru}]}"#, .syntax, #"$.a[1]["b c"]"#, at: 15),
        Malformed("// no\n1", .syntax, at: 0),
        Malformed("NaN", .syntax, at: 0),
        Malformed("-", .syntax, at: 1),
        Malformed("+1", .syntax, at: 0),
        Malformed("01", .syntax, at: 0),
        Malformed("-01", .syntax, at: 0),
        Malformed("1.", .syntax, at: 2),
        Malformed(".5", .syntax, at: 0),
        Malformed("1e", .syntax, at: 2),
        Malformed("1e+", .syntax, at: 3),
        Malformed("0x10", .syntax, at: 1),
        Malformed("-Infinity", .syntax, at: 1),
        Malformed(#"{"a":1,"a":2}"#, .duplicateKey, "$.a", at: 7),
        Malformed(#"{"a":1,"\u0061":2}"#, .duplicateKey, "$.a", at: 7),
        Malformed(#"[{"x":{"":1,"":2}}]"#, .duplicateKey, #"$[0].x[""]"#, at: 12),
        Malformed(#"{"o":{"\ud83d":1}}"#, .loneSurrogate, "$.o", at: 6),
    ])
    func malformedTextIsRefusedWithItsPlace(_ malformed: Malformed) {
        let error = #expect(throws: WireError.self) { try JSONValue(parsing: Array(malformed.text.utf8)) }
        #expect(error?.code == malformed.code)
        #expect(error?.path == malformed.path)
        #expect(error?.offset == malformed.offset)
    }

    @Test(
        arguments: [
            ([0xFF], 0), ([0x22, 0xFF, 0x22], 1), ([0x22, 0x61, 0x80, 0x22], 2), ([0x22, 0xC3, 0x22], 1),
            ([0x22, 0xC0, 0x80, 0x22], 1), ([0x22, 0xE0, 0x80, 0xAF, 0x22], 1),
            ([0x22, 0xF0, 0x80, 0x80, 0xAF, 0x22], 1),
            ([0x22, 0xED, 0xA0, 0x80, 0x22], 1), ([0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], 1),
            ([0x22, 0xF5, 0x80, 0x80, 0x80, 0x22], 1), ([0x22, 0xE2, 0x82], 1), ([0x22, 0x5C, 0x6E, 0xC3, 0x22], 3),
            ([0x22, 0xC3, 0x5C, 0x6E, 0x22], 1), ([0x22, 0x5C, 0x78, 0xC3, 0x22], 1),
            // An escaped lone surrogate sends the string down the other way.
            ([0x22, 0x5C, 0x75, 0x44, 0x38, 0x30, 0x30, 0xC3, 0x22], 7),
        ] as [([UInt8], Int)])
    func malformedUTF8IsRefusedWithItsOffset(_ bytes: [UInt8], _ offset: Int) {
        let error = #expect(throws: WireError.self) { try JSONValue(parsing: bytes) }
        // The escape \x of the one before the last is wrong before its UTF-8 is.
        #expect(error?.code == (bytes == [0x22, 0x5C, 0x78, 0xC3, 0x22] ? .syntax : .encoding))
        #expect(error?.offset == offset)
    }

    @Test func nestingEndsAtSixtyFourLevels() throws {
        func nested(_ count: Int) -> [UInt8] {
            Array((String(repeating: "[", count: count) + String(repeating: "]", count: count)).utf8)
        }
        #expect(try JSONValue(parsing: nested(64)).encoded() == nested(64))
        let error = #expect(throws: WireError.self) { try JSONValue(parsing: nested(65)) }
        #expect(error?.code == .depth)
        #expect(error?.offset == 64)
        #expect(error?.path == "$" + String(repeating: "[0]", count: 64))
    }

    @Test(arguments: ["[", #"{"a":"#, #"[{"a":"#])
    func tenThousandOpenLevelsAreRefused(_ opening: String) {
        let bytes = Array(String(repeating: opening, count: 10_000).utf8)
        #expect(#expect(throws: WireError.self) { try JSONValue(parsing: bytes) }?.code == .depth)
    }

    @Test(arguments: [0, 1, 15, 16, 17, 200])
    func aRepeatedKeyIsFoundAmongManyMembers(_ position: Int) throws {
        let members = (0..<300).map { #""k\#($0)":\#($0)"# }
        let whole = "{\(members.joined(separator: ","))}"
        #expect(try JSONValue(parsing: Array(whole.utf8)).encoded() == Array(whole.utf8))
        let repeated = "{\((members + [#""k\#(position)":0"#]).joined(separator: ","))}"
        let error = #expect(throws: WireError.self) { try JSONValue(parsing: Array(repeated.utf8)) }
        #expect(error?.code == .duplicateKey)
        #expect(error?.path == "$.k\(position)")
    }

    @Test(arguments: [
        "null", "true", "false", "0", "-0", "1.0", "1e400", "1E-9999", "-0.10e+05", "9223372036854775807",
        "18446744073709551615", "123456789012345678901234567890", "0.1234567890123456789012345678901234567890",
        String(repeating: "7", count: 400), #""""#, #""plain""#, #""\"\\\n\t\r\b\f\u0000\u001f""#, #""/ é 漢 👩‍👩‍👧""#,
        "\"\u{7F}\u{2028}\u{FEFF}\u{FFFF}\"", #""\ud83d""#, #""a\ude00b""#, #""\ud83dé\ud83d👍\udc00""#, "[]", "{}",
        #"[null,[],{},[[1]]]"#, #"{"b":1,"a":{"":[true]}}"#,
    ])
    func canonicalTextSurvivesARoundTrip(_ text: String) throws {
        let value = try JSONValue(parsing: Array(text.utf8))
        #expect(String(decoding: value.encoded(), as: UTF8.self) == text)
        #expect(try Array(text.utf8).withUnsafeBytes { try JSONValue(parsing: $0) } == value)
    }

    @Test(arguments: [
        ("  [ 1 ,\t2 ] ", "[1,2]"), ("{\r\n\"a\" : 1 }", #"{"a":1}"#), (#""\u0041\/\u00e9""#, #""A/é""#),
        (#""\ud83d\udc4d""#, #""👍""#), (#""\uD83D""#, #""\ud83d""#), (#""\ud83d\ud83d\udc4d""#, #""\ud83d👍""#),
    ])
    func otherSpellingsBecomeCanonical(_ text: String, _ canonical: String) throws {
        #expect(String(decoding: try JSONValue(parsing: Array(text.utf8)).encoded(), as: UTF8.self) == canonical)
    }

    @Test func everyControlCharacterIsEscapedAndNothingElseIs() throws {
        for scalar in (0..<0x300).compactMap(Unicode.Scalar.init as (Int) -> Unicode.Scalar?) {
            let text = "before it \(scalar) behind it"
            let bytes = JSONValue.string(text).encoded()
            let isEscaped = scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
            #expect(bytes.contains(UInt8(ascii: "\\")) == isEscaped)
            #expect(try JSONValue(parsing: bytes) == .string(text))
        }
    }

    @Test func longKeysAreCutInPaths() {
        let text = #"{"\#(String(repeating: "é", count: 1000))":?}"#
        let error = #expect(throws: WireError.self) { try JSONValue(parsing: Array(text.utf8)) }
        #expect((error?.path.count ?? .max) < 50)
    }
}

extension Unicode.Scalar {
    fileprivate init?(_ value: Int) { self.init(UInt32(value)) }
}
