import AgentEvents
import Testing

@Suite struct IdentifierTests {
    /// Ids of other systems, as they are.
    static let foreign = [
        "auth0|5f7c8ec7", "google-oauth2|1079", "ada@example.org", "https://example.org/a?b=c&d=%20#e", "U02/T01",
        "19:meeting_x@thread.v2", "+4930123456", "-100123", "call_abc|fc_1", "aGVsbG8+/w==", "mcp/server/1",
        "list_dir:0", "{4f1e}", "(a)[b]{c}", "!#$%&'+,-./:;=?@^_|~", "arn:aws:iam::1:user/x", "...", ".", "..", "%2F",
    ]

    @Test(arguments: foreign)
    func idsOfOtherSystemsAreIds(_ text: String) throws {
        #expect(try RunID(text).rawValue == text)
        #expect(try CallID(text).rawValue == text)
        #expect(try UserID(text).rawValue == text)
        #expect(try IdempotencyKey(text).rawValue == text)
        let value = JSONValue.string(text)
        #expect(String(decoding: value.encoded(), as: UTF8.self) == "\"\(text)\"", "JSON has no escape for it")
    }

    /// The whole alphabet, byte for byte.
    @Test func printableASCIIIsAllowedButForSixCharacters() throws {
        for byte in UInt8.min...0x7F {
            let text = "a" + String(UnicodeScalar(byte)) + "b"
            let isAllowed = (0x21...0x7E).contains(byte) && !#""\*<>`"#.utf8.contains(byte)
            #expect((try? CallID(text)) == nil ? !isAllowed : isAllowed, "byte \(byte)")
        }
        for text in ["é", "a\u{301}", "🧭", "\u{80}", "\u{FF0F}"] { #expect((try? CallID(text)) == nil) }
    }

    @Test func theLongestHas256Bytes() throws {
        #expect(try UserID(String(repeating: "x", count: 256)).rawValue.count == 256)
        let error = #expect(throws: IdentifierError.self) { try UserID(String(repeating: "x", count: 257)) }
        #expect(error?.message == "the user id has 257 bytes, and may have at most 256")
        #expect(try ToolName(String(repeating: "é", count: 128)).rawValue.utf8.count == 256)
        let name = #expect(throws: IdentifierError.self) { try AgentName(String(repeating: "é", count: 128) + "x") }
        #expect(name?.message == "the agent name has 257 bytes, and may have at most 256")
    }

    struct Fault: Sendable, CustomTestStringConvertible {
        var text: String
        var message: String
        var testDescription: String { message }
    }

    @Test(arguments: [
        Fault(text: "", message: "the idempotency key must not be empty"),
        Fault(
            text: "a b",
            message: "the idempotency key may have only printable ASCII characters without the space and "
                + "\" \\ * < > `; byte 1 (from 0) is not one of them"),
    ])
    func messagesSayWhatWouldBeRight(_ fault: Fault) {
        let error = #expect(throws: IdentifierError.self) { try IdempotencyKey(fault.text) }
        #expect(error?.message == fault.message)
    }

    @Test func aNameHasNoControlCharacter() {
        let text = "a\u{7}"
        let error = #expect(throws: IdentifierError.self) { try ToolName(text) }
        #expect(error?.message == "the tool name must not have control characters, byte 1 (from 0) begins one")
    }

    /// Clients and proxies take them out of a path, percent-encoded or not.
    @Test(arguments: [".", ".."])
    func aThreadIsNoDotSegment(_ text: String) {
        let error = #expect(throws: IdentifierError.self) { try ThreadID(text) }
        #expect(error?.message == "the thread id must not be . or .., which cannot stand in a path")
    }

    @Test(arguments: ["...", "./", "a..", "%2e"])
    func aThreadMayHaveDots(_ text: String) throws { #expect(try ThreadID(text).rawValue == text) }

    @Test(arguments: ["mcp/server/1", "functions.search", "server__tool", "such tool", "日本語", "a\\b"])
    func toolsHaveTheNamesTheyHave(_ text: String) throws { #expect(try ToolName(text).rawValue == text) }

    /// Some writers of JSON escape the slash; both forms are the same id.
    @Test func anEscapedSlashIsASlash() throws {
        let plain = try JSONValue(parsing: Array(#""U02/T01""#.utf8))
        #expect(try JSONValue(parsing: Array(#""U02\/T01""#.utf8)) == plain)
        #expect(try JSONValue(parsing: Array(#""\u00552\u002fT01""#.utf8)) == .string("U2/T01"))
    }
}
