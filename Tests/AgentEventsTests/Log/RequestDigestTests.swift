import AgentEventsTesting
import Testing

@testable import AgentEvents

/// A digest stands for what a request means.
@Suite struct RequestDigestTests {
    private static func digest(
        _ drafts: [String],
        user: UserID = "u_1",
        detail: String? = nil
    ) throws -> RequestDigest {
        let decoded = try drafts.map {
            try EventDecoder.decodeDraft(try JSONValue(parsing: Array($0.utf8)), path: "$", thread: "t_1")
        }
        return try RequestDigest(of: decoded, for: user, detail: detail)
    }

    private static let custom = #"{"type":"custom","data":{"name":"n","value":{"a":[1,{"x":null,"y":"é"}],"b":1.0}}}"#

    @Test(arguments: [
        #"{ "data" : {"value":{"b":1.0,"a":[1,{"y":"\u00e9","x":null}]}, "name":"n"}, "type":"\u0063ustom" }"#,
        "{\"type\":\"custom\",\r\n\t\"data\":{\"name\":\"n\",\"value\":{\"b\":1.0,\"a\":[1,{\"y\":\"é\",\"x\":null}]}}}",
    ])
    func whatMeansTheSameHasTheSame(_ other: String) throws {
        #expect(try Self.digest([Self.custom]) == Self.digest([other]))
    }

    @Test(arguments: [
        #"{"type":"custom","data":{"name":"m","value":{"a":[1,{"x":null,"y":"é"}],"b":1.0}}}"#,
        #"{"type":"custom","data":{"name":"n","value":{"a":[{"x":null,"y":"é"},1],"b":1.0}}}"#,
        #"{"type":"custom","data":{"name":"n","value":{"a":[1,{"x":null,"y":"e\u0301"}],"b":1.0}}}"#,
        #"{"type":"custom","data":{"name":"n","value":{"a":[1,{"y":"é"}],"b":1.0}}}"#,
        #"{"type":"custom","data":{"name":"n","value":{"a":[1,{"x":null,"y":"é"}],"b":2.0}}}"#,
        #"{"type":"custom","run_id":"r_1","data":{"name":"n","value":{"a":[1,{"x":null,"y":"é"}],"b":1.0}}}"#,
        #"{"type":"custom","run_id":"r_1","agent":"g","data":{"name":"n","value":{"a":[1,{"x":null,"y":"é"}],"b":1.0}}}"#,
    ])
    func whatMeansSomethingElseHasAnother(_ other: String) throws {
        #expect(try Self.digest([Self.custom]) != Self.digest([other]))
    }

    /// What a draft leaves to the service is part of what it asks for.
    @Test func halvesOfCharactersAndDurationsThatAreLeftOutCount() throws {
        let fragments = [#"abc"#, #"abc\ud83d"#, #"abc\ud83e"#, #"\ude00abc"#, #"\ude01abc"#].map {
            #"{"type":"message_delta","run_id":"r","data":{"message_id":"m","text":"\#($0)"}}"#
        }
        let ends = ["", #","duration_ms":0"#, #","duration_ms":5"#].map {
            #"{"type":"tool_completed","run_id":"r","data":{"call_id":"c","tool":"t","status":"denied"\#($0)}}"#
        }
        let digests = try (fragments + ends).map { try Self.digest([$0]) }
        #expect(Set(digests).count == digests.count)
        #expect(try (fragments + ends).map { try Self.digest([$0]) } == digests)
    }

    @Test func theNumberOfEventsTheUserAndTheDetailCount() throws {
        let digests = [
            try Self.digest([Self.custom]), try Self.digest([Self.custom, Self.custom]),
            try Self.digest([Self.custom], user: "u_2"), try Self.digest([Self.custom], detail: ""),
            try Self.digest([Self.custom], detail: "guide"), try Self.digest([]),
        ]
        #expect(Set(digests).count == digests.count)
    }

    @Test func itsBytesGiveItBack() throws {
        let digest = try Self.digest([Self.custom])
        #expect(digest.bytes.count == RequestDigest.byteCount)
        #expect(RequestDigest(bytes: digest.bytes) == digest)
        #expect(RequestDigest(bytes: 0..<16)?.bytes == Array(0..<16))
        #expect(RequestDigest(bytes: 0..<15) == nil)
        #expect(RequestDigest(bytes: 0..<17) == nil)
    }

    /// What cannot be written is named.
    @Test func aDraftThatCannotBeWrittenIsAnError() {
        let drafts = [
            EventDraft(.custom(CustomEvent(name: "n", value: 1))), EventDraft(.custom(CustomEvent(name: "", value: 1))),
        ]
        let error = #expect(throws: AgentEventsError.self) { try RequestDigest(of: drafts, for: "u_1", detail: nil) }
        #expect(error?.index == 1)
    }
}
