extension JSONValue {
    /// The deepest nesting of arrays and objects that is read, in levels: 64.
    package static var maximumDepth: Int { JSONParser.depthLimit }

    /// Whether arrays and objects are nested deeper than so many levels.
    func isNested(deeperThan depth: Int) -> Bool {
        switch self {
        case .array(let elements): depth == 0 || elements.contains { $0.isNested(deeperThan: depth - 1) }
        case .object(let object): depth == 0 || object.contains { $0.value.isNested(deeperThan: depth - 1) }
        case .null, .bool, .number, .string, .unpairedString: false
        }
    }
}
