/// The JSON Schema of the data that the answer to a request for approval carries: one flat object, whose members are
/// the fields of a form.
///
/// It is the part of JSON Schema that forms of the Model Context Protocol have (specification of 2025-11-25,
/// "Elicitation", requested schema): `type` is `object`, `properties` are strings, numbers, booleans and choices, and
/// `required` names those that must be there. A keyword that is not checked is refused, so that no answer passes for
/// checked that is not.
///
/// ```json
/// {"type":"object","properties":{"environment":{"type":"string","enum":["staging","production"]}},
///  "required":["environment"]}
/// ```
public struct ApprovalSchema: Hashable, Sendable {
    /// The fields, in the order of `properties`; at most ``maximumFieldCount``. Without `properties` there are none, and the
    /// answer is any object.
    public let fields: [ApprovalField]
    /// The schema as it was given.
    public let json: JSONValue

    /// The most fields that a form has.
    public static let maximumFieldCount = 100

    private static let keywords = [
        "$schema", "type", "title", "description", "properties", "required", "additionalProperties",
    ]

    /// Reads a schema.
    ///
    /// - Throws: ``WireError`` with the path to the fault, from the root of the schema: `$.properties.name.minLength`.
    public init(_ json: JSONValue) throws(WireError) {
        var schema = try MemberReader(json, path: "$")
        try schema.checkKeywords(Self.keywords)
        let type = try schema.word("type")
        guard type == "object" else {
            throw schema.invalid("type", "a form is one flat object: type must be object, it is \(type)")
        }
        if try schema.boolIfPresent("additionalProperties") == true {
            throw schema.invalid("additionalProperties", "an answer has the fields of its form only: leave it out")
        }
        _ = try schema.wordIfPresent("$schema")
        _ = try schema.textIfPresent("title")
        _ = try schema.textIfPresent("description")
        let required = try schema.required()
        var fields: [ApprovalField] = []
        if var properties = try schema.objectIfPresent("properties") {
            guard properties.object.count <= Self.maximumFieldCount else {
                throw schema.invalid(
                    "properties",
                    "a form has at most \(Self.maximumFieldCount) fields, this one has \(properties.object.count)")
            }
            for name in properties.object.keys {
                var members = try properties.object(name)
                fields.append(try ApprovalField(name, isRequired: required.contains(name), from: &members))
            }
        }
        if let unknown = required.first(where: { name in !fields.contains { $0.name == name } }) {
            throw schema.invalid("required", "\(unknown) is required, and there is no such field in properties")
        }
        self.fields = fields
        self.json = json
    }

    /// Checks the data of an answer.
    ///
    /// - Parameter data: `nil` for none, which is as good as an object without members.
    /// - Throws: ``WireError`` for the first fault, with its path from the root of the data: `$.environment`.
    public func check(_ data: JSONValue?) throws(WireError) {
        let object: JSONObject
        switch data {
        case .object(let members)?: object = members
        case nil: object = JSONObject([])
        case .some:
            throw WireError(.wrongType, "the answer to a form is an object with its fields: \(names)")
        }
        if json["properties"] == nil { return }
        for name in object.keys where !fields.contains(where: { $0.name == name }) {
            throw WireError(
                .unknownField, path: "$" + WireError.component(name),
                NearestName.problem(name, kind: "field", of: "the form", known: fields.map(\.name)))
        }
        for field in fields { try field.check(object[field.name]) }
    }

    private var names: String { fields.map(\.name).joined(separator: ", ") }
}

extension MemberReader {
    /// The names in `required`, each once.
    fileprivate mutating func required() throws(WireError) -> [String] {
        var names: [String] = []
        for value in try arrayIfPresent("required") ?? [] {
            guard let name = value.stringValue, !names.contains(name) else {
                throw invalid("required", "required is an array of the names of fields, each of them once")
            }
            names.append(name)
        }
        return names
    }

    /// Refuses keywords that nothing here checks.
    func checkKeywords(_ known: [String]) throws(WireError) {
        guard let other = object.keys.first(where: { !known.contains($0) }) else { return }
        throw WireError(
            .unknownField, path: path + WireError.component(other),
            "the keyword \(other) is not one that an answer is checked by here: "
                + known.filter { $0 != "$schema" }.joined(separator: ", "))
    }
}
