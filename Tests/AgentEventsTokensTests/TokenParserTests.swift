import AgentEvents
import Testing

@testable import AgentEventsTokens

struct TokenParserTests {
    private static func reason(_ token: String) -> TokenError.Reason? {
        do throws(TokenError) {
            _ = try TokenParser.parse(token)
            return nil
        } catch {
            return error.reason
        }
    }

    private static let header = Base64URL.encode(Array(#"{"alg":"HS256"}"#.utf8))

    @Test(
        arguments: [
            ("", []), ("Zg", [0x66]), ("Zm8", [0x66, 0x6F]), ("Zm9v", [0x66, 0x6F, 0x6F]),
            ("-_-_", [0xFB, 0xFF, 0xBF]),
        ] as [(String, [UInt8])])
    func base64urlIsReadAndWritten(_ text: String, _ bytes: [UInt8]) {
        #expect(Base64URL.decode(Array(text.utf8)) == bytes)
        #expect(Base64URL.encode(bytes) == text)
    }

    @Test(arguments: ["Z", "Zg==", "Zh", "Zm9", "Zm9v\n", " Zm9v", "+/+/", "Zm9vZ", "Zé"])
    func anyOtherFormOfBase64IsRefused(_ text: String) {
        #expect(Base64URL.decode(Array(text.utf8)) == nil)
    }

    @Test func base64urlIsReadBackForAllLengths() {
        for count in 0..<200 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ count) }
            #expect(Base64URL.decode(Array(Base64URL.encode(bytes).utf8)) == bytes)
        }
    }

    @Test func sec26SizesAreLookedAtBeforeTheContents() {
        #expect(Self.reason(String(repeating: "a", count: 1 << 20)) == .form)
        #expect(Self.reason(String(repeating: ".", count: 10_000)) == .form)
        #expect(Self.reason(String(repeating: ".", count: 8192)) == .form)
        for dots in [0, 1, 3, 4] { #expect(Self.reason(Self.header + String(repeating: ".", count: dots)) == .form) }
        let longest = Self.header + "." + String(repeating: "A", count: 8192 - Self.header.utf8.count - 2) + "."
        #expect(longest.utf8.count == 8192)
        #expect(Self.reason(longest) == nil)
        #expect(Self.reason(longest + "A") == .form)
    }

    @Test(arguments: [
        #"{"alg":"HS256""#, #"{"alg":"HS256","alg":"HS256"}"#, #"["HS256"]"#, #""HS256""#, "", "{}x",
        #"{"alg":"HS256"} {}"#,
    ])
    func headersThatAreNotOneObjectAreRefused(_ header: String) {
        #expect(Self.reason(Base64URL.encode(Array(header.utf8)) + ".e30.") == .form)
    }

    @Test(arguments: [#"{}"#, #"{"kid":"k"}"#, #"{"ALG":"HS256"}"#])
    func headersWithoutAlgorithmAreRefused(_ header: String) {
        #expect(Self.reason(Base64URL.encode(Array(header.utf8)) + ".e30.") == .header)
    }

    @Test(arguments: [#"null"#, "1", #"["HS256"]"#, #""HS256 ""#, #""HS\u0000256""#, #""HS256\uD800""#])
    func algorithmsThatAreNotNamesAreRefused(_ algorithm: String) {
        #expect(Self.reason(Base64URL.encode(Array(#"{"alg":\#(algorithm)}"#.utf8)) + ".e30.") == .algorithm)
    }

    /// Seeded changes to a token: each is refused or parsed, and none ends the process.
    @Test func changedTokensAreRefusedOrParsed() {
        var state: UInt64 = 20_261_127
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: state >> 33) % bound
        }
        let token = Array((Self.header + "." + Base64URL.encode(Array(#"{"sub":"u_1"}"#.utf8)) + ".AAAA").utf8)
        var parsedCount = 0
        for _ in 0..<100_000 {
            var changed = token
            for _ in 0...next(3) {
                switch next(3) {
                case 0: changed[next(changed.count)] = UInt8(truncatingIfNeeded: next(256))
                case 1: changed.insert(UInt8(truncatingIfNeeded: next(128)), at: next(changed.count))
                default: changed.remove(at: next(changed.count))
                }
            }
            if Self.reason(String(decoding: changed, as: UTF8.self)) == nil { parsedCount += 1 }
        }
        #expect(parsedCount > 0)
    }
}
