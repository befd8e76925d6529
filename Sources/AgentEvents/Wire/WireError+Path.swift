extension WireError {
    /// The same fault, seen from the array around the value.
    package func inside(index: Int) -> WireError { inside("[\(index)]") }

    /// The same fault, seen from the object around the value.
    package func inside(key: String) -> WireError { inside(Self.component(key)) }

    /// The same fault, for a value that stands at a path of its own.
    package func inside(path: String) -> WireError {
        guard path != "$" else { return self }
        var error = self
        error.path = path + self.path.dropFirst()
        return error
    }

    private func inside(_ component: String) -> WireError {
        var error = self
        error.path = "$" + component + path.dropFirst()
        return error
    }

    /// A key as a step of a path: `.call_id`, or `["any text"]`; a long one is cut.
    package static func component(_ key: String) -> String {
        let bytes = key.utf8
        let isPlain = !bytes.isEmpty && bytes.count <= 64 && bytes.allSatisfy(Self.isPlain)
        if isPlain { return ".\(key)" }
        var writer = JSONWriter()
        writer.string(bytes.count <= 64 ? key : String(key.unicodeScalars.prefix(32)) + "…")
        return "[\(String(decoding: writer.bytes, as: UTF8.self))]"
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default:
            false
        }
    }
}
