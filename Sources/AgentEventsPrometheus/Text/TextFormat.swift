/// The rules of the text format of Prometheus, version 0.0.4.
enum TextFormat {
    /// A name that a metric may have: each byte that it may not contain is an underscore.
    static func metricName(_ label: String) -> String { name(label, allowsColon: true) }

    /// A name that a label may have. Names that begin with two underscores are Prometheus' own.
    static func labelName(_ label: String) -> String {
        let name = name(label, allowsColon: false)
        return name.hasPrefix("__") ? "label\(name)" : name
    }

    private static func name(_ label: String, allowsColon: Bool) -> String {
        var name = ""
        for byte in label.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
                name.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if name.isEmpty { name = "_" }
                name.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: ":") where allowsColon:
                name += ":"
            default:
                name += "_"
            }
        }
        return name.isEmpty ? "_" : name
    }

    /// The value of a label between its quotes.
    static func labelValue(_ value: String) -> String { escaped(value, quotes: true) }

    /// The text of a HELP line.
    static func help(_ text: String) -> String { escaped(text, quotes: false) }

    private static func escaped(_ value: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if let whole = Int64(exactly: value), abs(value) < 0x1p53 { return "\(whole)" }
        return "\(value)"
    }
}

/// The labels of a series as they are written, sorted by name: `code="4408",transport="websocket"`.
struct LabelText: Hashable, Sendable {
    let text: String
    /// Whether this stands for the series that were one too many.
    let isOther: Bool

    private init(_ text: String, isOther: Bool) {
        self.text = text
        self.isOther = isOther
    }

    /// Of two labels of one name the first counts.
    ///
    /// - Parameter isOfHistogram: whether `le` is the exporter's own.
    init(_ dimensions: [(String, String)], isOfHistogram: Bool) {
        var values: [String: String] = [:]
        for (name, value) in dimensions {
            let name = TextFormat.labelName(name)
            let key = isOfHistogram && name == "le" ? "le_" : name
            if values[key] == nil { values[key] = value }
        }
        let pairs = values.sorted { $0.key < $1.key }.map { "\($0.key)=\"\(TextFormat.labelValue($0.value))\"" }
        self.init(pairs.joined(separator: ","), isOther: false)
    }

    /// The labels of what is one too many.
    static func other(_ dimensions: [(String, String)], isOfHistogram: Bool) -> LabelText {
        LabelText(
            LabelText(dimensions.map { ($0.0, "other") }, isOfHistogram: isOfHistogram).text, isOther: true)
    }

    static func == (one: LabelText, other: LabelText) -> Bool { one.text == other.text }

    func hash(into hasher: inout Hasher) { hasher.combine(text) }

    /// - Parameter value: needs no escapes.
    func adding(_ name: String, _ value: String) -> LabelText {
        LabelText("\(text)\(text.isEmpty ? "" : ",")\(name)=\"\(value)\"", isOther: isOther)
    }
}

extension String {
    mutating func appendLine(_ name: String, _ labels: LabelText, _ value: String) {
        self += name
        if !labels.text.isEmpty { self += "{\(labels.text)}" }
        self += " \(value)\n"
    }
}
