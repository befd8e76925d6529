extension JSONValue {
    /// Parses one JSON text, exactly.
    ///
    /// - Throws: ``WireError`` with a `json.` code: when the bytes are not one JSON value in UTF-8, when a key occurs
    ///   twice or has half of a surrogate pair, or when arrays and objects are nested deeper than 64 levels.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        self = try bytes.withUnsafeBufferPointer { buffer throws(WireError) in try JSONParser.parse(buffer) }
    }

    /// The same, without a copy of the bytes.
    public init(parsing bytes: UnsafeRawBufferPointer) throws(WireError) {
        self = try bytes.withMemoryRebound(to: UInt8.self) { buffer throws(WireError) in try JSONParser.parse(buffer) }
    }

    /// The value as compact JSON in UTF-8. Parsing it gives an equal value, unless it is nested deeper than 64 levels.
    public func encoded() -> [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }
}
