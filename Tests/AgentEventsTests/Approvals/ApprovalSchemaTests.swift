import Testing

@testable import AgentEvents

/// The forms that a request for approval may show, and the answers that fit them.
struct ApprovalSchemaTests {
    private static func schema(_ text: String) throws -> ApprovalSchema {
        try ApprovalSchema(JSONValue(parsing: Array(text.utf8)))
    }

    /// A form with one field, `f`, that is required.
    private static func form(_ field: String) throws -> ApprovalSchema {
        try schema(#"{"type":"object","properties":{"f":\#(field)},"required":["f"]}"#)
    }

    private static func fault(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "none"
        } catch let error as WireError {
            return "\(error.code) \(error.path)"
        } catch {
            return "\(error)"
        }
    }

    /// The schemas of the specification of the Model Context Protocol, and what they are read as.
    @Test(arguments: [
        (#"{"type":"string"}"#, ApprovalField.Kind.text(length: 0...Int.max, format: nil)),
        (
            #"{"type":"string","title":"T","description":"D","minLength":3,"maxLength":50,"format":"email"}"#,
            .text(length: 3...50, format: .email)
        ),
        (#"{"type":"number","minimum":0,"maximum":1.5}"#, .number(minimum: 0, maximum: 1.5, isWhole: false)),
        (#"{"type":"integer","default":3}"#, .number(minimum: nil, maximum: nil, isWhole: true)),
        (#"{"type":"boolean","default":false}"#, .flag),
        (#"{"type":"string","enum":["a","b"]}"#, .choice([.init("a"), .init("b")])),
        (
            #"{"type":"string","enum":["a","b"],"enumNames":["A","B"]}"#,
            .choice([.init("a", title: "A"), .init("b", title: "B")])
        ),
        (#"{"type":"string","oneOf":[{"const":"a","title":"A"}]}"#, .choice([.init("a", title: "A")])),
        (
            #"{"type":"array","minItems":1,"maxItems":2,"items":{"type":"string","enum":["a","b"]},"default":["a"]}"#,
            .choices([.init("a"), .init("b")], count: 1...2)
        ),
        (
            #"{"type":"array","items":{"anyOf":[{"const":"a","title":"A"}]}}"#,
            .choices([.init("a", title: "A")], count: 0...Int.max)
        ),
    ])
    func aFieldIsRead(_ json: String, _ kind: ApprovalField.Kind) throws {
        let schema = try Self.form(json)
        #expect(schema.fields.map(\.kind) == [kind])
        #expect(schema.fields[0].name == "f" && schema.fields[0].isRequired)
        #expect(schema.fields[0].initialValue == schema.json["properties"]?["f"]?["default"])
        #expect(schema.fields[0].title == schema.json["properties"]?["f"]?["title"]?.stringValue)
    }

    /// People are told which field it is, and bounds as they would write them.
    @Test(arguments: [
        (#"{"type":"integer","minimum":1}"#, "0", "f: the number must be at least 1"),
        (#"{"type":"number","maximum":1.5}"#, "2", "f: the number must be at most 1.5"),
        (#"{"type":"number","maximum":1e300}"#, "1e301", "f: the number must be at most 1e+300"),
        (#"{"type":"integer"}"#, #""x""#, "f: a whole number is expected here"),
        (#"{"type":"boolean"}"#, "1", "f: true or false is expected here"),
        (#"{"type":"string","enum":["a","b"]}"#, #""c""#, "f: the value must be one of: a, b"),
    ])
    func aFaultNamesItsField(_ field: String, _ value: String, _ problem: String) throws {
        let form = try Self.form(field)
        let data = JSONValue.object(JSONObject([("f", try JSONValue(parsing: Array(value.utf8)))]))
        let error = #expect(throws: WireError.self) { try form.check(data) }
        #expect(error?.problem == problem && error?.path == "$.f")
    }

    @Test func aFormMayHaveWhatOtherToolsWrite() throws {
        let schema = try Self.schema(
            ##"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","title":"A form","##
                + ##""description":"To fill in","additionalProperties":false,"properties":{"b":{"type":"boolean"},"##
                + ##""a":{"type":"string"}}}"##)
        #expect(schema.fields.map(\.name) == ["b", "a"])
        #expect(schema.fields.allSatisfy { !$0.isRequired })
    }

    @Test(arguments: [
        (#"[]"#, "event.wrong_type $"), (#"{}"#, "event.missing_field $.type"),
        (#"{"type":"array","properties":{}}"#, "event.invalid_value $.type"),
        (#"{"type":"object","properties":[]}"#, "event.wrong_type $.properties"),
        (
            #"{"type":"object","properties":{},"additionalProperties":true}"#,
            "event.invalid_value $.additionalProperties"
        ),
        (#"{"type":"object","properties":{},"required":["a"]}"#, "event.invalid_value $.required"),
        (
            #"{"type":"object","properties":{"a":{"type":"boolean"}},"required":["a","a"]}"#,
            "event.invalid_value $.required"
        ),
        (#"{"type":"object","properties":{},"patternProperties":{}}"#, "event.unknown_field $.patternProperties"),
    ])
    func aSchemaThatIsNoFormIsRefused(_ json: String, _ expected: String) {
        #expect(Self.fault { _ = try Self.schema(json) } == expected)
    }

    @Test(arguments: [
        (#"{}"#, "event.missing_field $.properties.f.type"), (#"true"#, "event.wrong_type $.properties.f"),
        (#"{"type":"object"}"#, "event.invalid_value $.properties.f.type"),
        (#"{"type":["string","null"]}"#, "event.wrong_type $.properties.f.type"),
        (#"{"type":"string","pattern":"a+"}"#, "event.unknown_field $.properties.f.pattern"),
        (#"{"type":"string","minLength":-1}"#, "event.invalid_value $.properties.f.minLength"),
        (#"{"type":"string","minLength":3,"maxLength":2}"#, "event.invalid_value $.properties.f.maxLength"),
        (#"{"type":"string","format":"ipv4"}"#, "event.invalid_value $.properties.f.format"),
        (#"{"type":"integer","minimum":"1"}"#, "event.invalid_value $.properties.f.minimum"),
        (#"{"type":"integer","minimum":2,"maximum":1}"#, "event.invalid_value $.properties.f.maximum"),
        (#"{"type":"boolean","default":1}"#, "event.wrong_type $.properties.f.default"),
        (#"{"type":"string","enum":[]}"#, "event.invalid_value $.properties.f.enum"),
        (#"{"type":"string","enum":["a","a"]}"#, "event.invalid_value $.properties.f.enum"),
        (#"{"type":"string","enum":[1]}"#, "event.invalid_value $.properties.f.enum"),
        (#"{"type":"string","enum":["a"],"enumNames":[]}"#, "event.invalid_value $.properties.f.enumNames"),
        (#"{"type":"string","oneOf":[{"title":"A"}]}"#, "event.missing_field $.properties.f.oneOf[0].const"),
        (#"{"type":"array","items":{"type":"number"}}"#, "event.invalid_value $.properties.f.items.type"),
        (#"{"type":"array","items":{"type":"string"}}"#, "event.missing_field $.properties.f.items.anyOf"),
        (#"{"type":"string","enum":["a"],"default":"b"}"#, "event.invalid_value $.properties.f.default"),
    ])
    func aFieldThatCannotBeCheckedIsRefused(_ json: String, _ expected: String) {
        #expect(Self.fault { _ = try Self.form(json) } == expected)
    }

    @Test(arguments: [ApprovalSchema.maximumFieldCount, ApprovalSchema.maximumFieldCount + 1, 1000])
    func aFormOfAThousandFieldsIsRefused(_ count: Int) {
        let fields = (0..<count).map { #""f\#($0)":{"type":"boolean"}"# }.joined(separator: ",")
        let fault = Self.fault { _ = try Self.schema(#"{"type":"object","properties":{\#(fields)}}"#) }
        #expect(fault == (count <= ApprovalSchema.maximumFieldCount ? "none" : "event.invalid_value $.properties"))
    }

    @Test(arguments: [
        (
            #"{"type":"string","minLength":2,"maxLength":3}"#, ["\"ab\"", "\"äö\"", "\"👩‍👧\""],
            ["\"a\"", "\"abcd\"", "1", "null"]
        ),
        (#"{"type":"string","format":"email"}"#, ["\"a@b\""], ["\"a\"", "\"@b\"", "\"a@b@c\"", "\"a b@c\""]),
        (
            #"{"type":"string","format":"uri"}"#, ["\"https://a.b/c\"", "\"urn:a\""],
            ["\"a\"", "\":a\"", "\"1a:b\"", "\"a:\""]
        ),
        (
            #"{"type":"string","format":"date"}"#, ["\"2024-02-29\""],
            ["\"2023-02-29\"", "\"2024-2-9\"", "\"2024-02-29T\""]
        ),
        (#"{"type":"string","format":"date-time"}"#, ["\"2024-02-29T01:02:03Z\""], ["\"2024-02-29\""]),
        (#"{"type":"number","minimum":0,"maximum":1}"#, ["0", "1.0", "0.5"], ["-0.1", "1.1", "\"1\"", "1e400"]),
        (#"{"type":"integer"}"#, ["1", "1.0", "10e2", "-7"], ["1.5", "true"]),
        (#"{"type":"boolean"}"#, ["true", "false"], ["0", "\"true\""]),
        (#"{"type":"string","enum":["a","b"]}"#, ["\"a\""], ["\"c\"", "1"]),
        (
            #"{"type":"array","minItems":1,"maxItems":2,"items":{"enum":["a","b","c"]}}"#, [#"["a"]"#, #"["c","a"]"#],
            ["[]", #"["a","a"]"#, #"["d"]"#, #"["a","b","c"]"#, "[1]", "\"a\""]
        ),
    ])
    func anAnswerFitsItsField(_ field: String, _ right: [String], _ wrong: [String]) throws {
        let form = try Self.form(field)
        for (values, isRight) in [(right, true), (wrong, false)] {
            for value in values {
                let data = try JSONValue(parsing: Array(#"{"f":\#(value)}"#.utf8))
                let fault = Self.fault { try form.check(data) }
                #expect((fault == "none") == isRight, "\(value): \(fault)")
                if !isRight { #expect(fault.hasSuffix(" $.f")) }
            }
        }
    }

    @Test func withoutPropertiesAnyObjectIsAnAnswer() throws {
        let schema = try Self.schema(#"{"type":"object"}"#)
        #expect(schema.fields == [])
        #expect(Self.fault { try schema.check(["a": [1]]) } == "none")
        #expect(Self.fault { try schema.check(nil) } == "none")
        #expect(Self.fault { try schema.check(1) } == "event.wrong_type $")
        #expect(Self.fault { try Self.schema(#"{"type":"object","properties":{}}"#).check(["a": 1]) } != "none")
    }

    @Test func anAnswerHasWhatIsRequiredAndNothingElse() throws {
        let form = try Self.form(#"{"type":"boolean"}"#)
        #expect(Self.fault { try form.check(nil) } == "event.missing_field $.f")
        #expect(Self.fault { try form.check([:]) } == "event.missing_field $.f")
        #expect(Self.fault { try form.check(["f": true, "g": 1]) } == "event.unknown_field $.g")
        #expect(Self.fault { try form.check([true]) } == "event.wrong_type $")
        let optional = try Self.schema(#"{"type":"object","properties":{"f":{"type":"boolean"}}}"#)
        #expect(Self.fault { try optional.check(nil) } == "none")
        #expect(Self.fault { try optional.check(["f": .null]) } == "event.wrong_type $.f")
    }
}
