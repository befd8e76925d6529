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

    /// The same, of a part of an array, a buffer or a text; bytes that lie together are not copied.
    public init(parsing bytes: some Collection<UInt8>) throws(WireError) {
        let result = bytes.withContiguousStorageIfAvailable { buffer -> Result<JSONValue, WireError> in
            do throws(WireError) {
                return .success(try JSONParser.parse(buffer))
            } catch {
                return .failure(error)
            }
        }
        switch result {
        case .success(let value)?: self = value
        case .failure(let error)?: throw error
        case nil: try self.init(parsing: Array(bytes))
        }
    }

    /// Parses the value of a text, or the first of several that stand on lines of their own.
    ///
    /// - Returns: whether the value is that of the whole text.
    /// - Throws: ``WireError``, also for a value that something follows and that does not stand on one line, with nothing but
    ///   white space beside it.
    package static func first(
        in bytes: ArraySlice<UInt8>
    ) throws(WireError) -> (value: JSONValue, isWhole: Bool) {
        try bytes.withUnsafeBufferPointer { buffer throws(WireError) in try JSONParser.parseFirst(buffer) }
    }

    /// The value as compact JSON in UTF-8. Parsing it gives an equal value, unless it is nested deeper than 64 levels.
    public func encoded() -> [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }
}
