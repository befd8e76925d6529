/// Writes the members of one object after another, and checks what JSON alone does not.
struct MemberWriter {
    private var writer: JSONWriter
    private var path = "$.data"
    private var isFirst = true

    /// Writes the envelope, and opens `data`.
    ///
    /// - Parameters:
    ///   - capacity: how many bytes to reserve.
    ///   - envelope: writes the event up to the colon before `data`. It writes here, because a writer that is handed over
    ///     is copied with its bytes.
    init(capacity: Int, _ envelope: (inout JSONWriter) -> Void) {
        writer = JSONWriter(capacity: capacity)
        envelope(&writer)
        writer.byte(ASCII.openBrace)
    }

    /// Closes `data` and the event, and gives out its bytes.
    mutating func finish() -> [UInt8] {
        writer.raw("}}")
        return writer.finish()
    }

    // MARK: Members

    mutating func identifier(_ name: StaticString, _ id: some Identifier) {
        key(name)
        writer.byte(ASCII.quote)
        writer.plain(id.rawValue)
        writer.byte(ASCII.quote)
    }

    mutating func identifier(_ name: StaticString, _ id: (some Identifier)?) {
        if let id { identifier(name, id) }
    }

    mutating func text(_ name: StaticString, _ text: String) {
        key(name)
        writer.string(text)
    }

    mutating func text(_ name: StaticString, _ text: String?) {
        if let text { self.text(name, text) }
    }

    mutating func bool(_ name: StaticString, _ bool: Bool) {
        key(name)
        writer.value(.bool(bool))
    }

    /// A member that is left out where it is false.
    mutating func flag(_ name: StaticString, _ isSet: Bool) {
        if isSet { bool(name, true) }
    }

    /// An array of identifiers that is left out when it is empty.
    mutating func identifiersIfAny<ID: Identifier>(
        _ name: StaticString, _ ids: [ID], upTo maximumCount: Int
    ) throws(WireError) {
        if !ids.isEmpty { try identifiers(name, ids, upTo: maximumCount) }
    }

    /// An array of identifiers: at least one, and none twice.
    mutating func identifiers<ID: Identifier>(
        _ name: StaticString, _ ids: [ID], upTo maximumCount: Int
    ) throws(WireError) {
        guard (1...maximumCount).contains(ids.count) else {
            throw fault(.invalidValue, name, "\(name) must have 1 to \(maximumCount) ids, it has \(ids.count)")
        }
        guard Set(ids).count == ids.count else {
            throw fault(.invalidValue, name, "\(name) must have each id once")
        }
        key(name)
        writer.byte(ASCII.openBracket)
        for (index, id) in ids.enumerated() {
            writer.raw(index == 0 ? "\"" : ",\"")
            writer.plain(id.rawValue)
            writer.byte(ASCII.quote)
        }
        writer.byte(ASCII.closeBracket)
    }

    mutating func integer(_ name: StaticString, _ integer: Int64?, from minimum: Int64) throws(WireError) {
        guard let integer else { return }
        guard integer >= minimum else {
            throw fault(.invalidValue, name, "\(name) must be at least \(minimum), it is \(integer)")
        }
        key(name)
        writer.integer(integer)
    }

    mutating func integer(_ name: StaticString, _ integer: Int64?, in range: ClosedRange<Int64>) throws(WireError) {
        if let integer, integer > range.upperBound {
            throw fault(.invalidValue, name, "\(name) must be at most \(range.upperBound), it is \(integer)")
        }
        try self.integer(name, integer, from: range.lowerBound)
    }

    mutating func fraction(_ name: StaticString, _ fraction: Double?) throws(WireError) {
        guard let fraction else { return }
        guard (0...1).contains(fraction), let number = JSONNumber(fraction) else {
            throw fault(.invalidValue, name, "\(name) must be 0 to 1, it is \(fraction)")
        }
        key(name)
        writer.plain(number.literal)
    }

    mutating func time(_ name: StaticString, _ time: Timestamp?) throws(WireError) {
        guard let time else { return }
        guard Timestamp.writable.contains(time) else {
            throw fault(.invalidValue, name, "\(name) must lie in the years 0000 to 9999")
        }
        key(name)
        writer.byte(ASCII.quote)
        time.write(into: &writer)
        writer.byte(ASCII.quote)
    }

    mutating func json(_ name: StaticString, _ value: JSONValue?) throws(WireError) {
        guard let value else { return }
        key(name)
        // The value stands in `data`, which stands in the event.
        guard writer.value(value, depthLimit: JSONParser.depthLimit - 2) else { throw tooDeep(name) }
    }

    /// An object of its own.
    mutating func object(
        _ name: StaticString, _ members: (inout MemberWriter) throws(WireError) -> Void
    ) throws(WireError) {
        key(name)
        writer.byte(ASCII.openBrace)
        let outer = path
        path = "\(path).\(name)"
        isFirst = true
        try members(&self)
        path = outer
        isFirst = false
        writer.byte(ASCII.closeBrace)
    }

    /// Members as they are; none of them may have a reserved name.
    ///
    /// - Parameter level: how deep in the event they stand: 2 in `data`, 3 in an object inside of it.
    mutating func members(_ object: JSONObject, reserved: [String], level: Int = 3) throws(WireError) {
        for (name, value) in object {
            guard !reserved.contains(name) else {
                throw WireError(.duplicateKey, path: "\(path).\(name)", "\(name) has a property of its own")
            }
            if !isFirst { writer.byte(ASCII.comma) }
            isFirst = false
            writer.string(name)
            writer.byte(ASCII.colon)
            guard writer.value(value, depthLimit: JSONParser.depthLimit - level) else {
                throw WireError(.depth, path: path + WireError.component(name), Self.depthProblem)
            }
        }
    }

    func fault(_ code: WireError.Code, _ name: StaticString, _ problem: String) -> WireError {
        WireError(code, path: "\(path).\(name)", problem)
    }

    private func tooDeep(_ name: StaticString) -> WireError { fault(.depth, name, Self.depthProblem) }

    private static var depthProblem: String {
        "the event must not be nested deeper than \(JSONParser.depthLimit) levels"
    }

    private mutating func key(_ name: StaticString) {
        writer.raw(isFirst ? "\"" : ",\"")
        isFirst = false
        writer.raw(name)
        writer.raw("\":")
    }
}
