/// A JSON number, kept as it was written. Two numbers are equal when they are spelled the same: `1.0` is not `1`.
public struct JSONNumber: Hashable, Sendable, CustomStringConvertible {
    /// The number as it stands in JSON: `-0.5e3`.
    public let literal: String

    public init(_ value: some BinaryInteger) { literal = String(value) }

    /// - Returns: `nil` for infinities and NaN, which JSON does not have.
    public init?(_ value: Double) {
        guard value.isFinite else { return nil }
        var text = value.description
        // A whole number is spelled as one, as other JSON writers do: 3, not 3.0.
        if text.hasSuffix(".0") { text.removeLast(2) }
        literal = text
    }

    /// For text that the parser has checked against the grammar of RFC 8259, section 6.
    package init(validated literal: String) { self.literal = literal }

    /// The value, when it is written as an integer and an `Int64` holds it exactly.
    public var integer: Int64? { Int64(literal) }

    /// Whether the value has no fraction, however it is written: `12`, `12.0` and `1.2e1` have none.
    var isWhole: Bool {
        if isPlainInteger { return true }
        let (_, digits, exponent) = canonical
        // An exponent that no integer holds: whole when it is a large one.
        guard let exponent else { return digits.isEmpty || !literal.contains("e-") && !literal.contains("E-") }
        return digits.isEmpty || exponent >= 0
    }

    /// The exact value of a whole number, however it is written; `nil` when it has a fraction or the type cannot hold it.
    func wholeValue<Value: FixedWidthInteger>() -> Value? {
        if isPlainInteger { return Value(literal) }
        let (isNegative, digits, exponent) = canonical
        if digits.isEmpty { return 0 }
        // No 64-bit integer has more digits.
        guard let exponent, exponent >= 0, digits.count <= 20, exponent <= 20 - digits.count else { return nil }
        let sign = isNegative ? "-" : ""
        return Value(sign + String(decoding: digits, as: UTF8.self) + String(repeating: "0", count: exponent))
    }

    private var isPlainInteger: Bool {
        literal.utf8.allSatisfy { $0 == ASCII.minus || ($0 >= ASCII.zero && $0 <= ASCII.nine) }
    }

    /// The nearest `Double`; `nil` when the number is beyond its range (`1e400`).
    public var double: Double? {
        guard let value = Double(literal), value.isFinite else { return nil }
        return value
    }

    /// Whether two numbers have the same value, however they are written.
    func isSameValue(as other: JSONNumber) -> Bool {
        let (one, other) = (canonical, other.canonical)
        return one.digits == other.digits && (one.digits.isEmpty || one == other)
    }

    /// The value as digits without zeros at either end, times a power of ten. Zero has no digits.
    private var canonical: (isNegative: Bool, digits: [UInt8], exponent: Int?) {
        var digits: [UInt8] = []
        var exponent: Int? = 0
        var isFraction = false
        var rest = literal.utf8[...]
        let isNegative = rest.first == ASCII.minus
        if isNegative { rest = rest.dropFirst() }
        while let byte = rest.popFirst() {
            if byte == ASCII.point {
                isFraction = true
            } else if byte | 0x20 == UInt8(ascii: "e") {
                let written = Int(Substring(rest))
                exponent = exponent.flatMap { fraction in written?.addingReportingOverflow(fraction).partialValue }
                break
            } else {
                if isFraction { exponent = exponent.map { $0 - 1 } }
                if byte != ASCII.zero || !digits.isEmpty { digits.append(byte) }
            }
        }
        while digits.last == ASCII.zero {
            digits.removeLast()
            exponent = exponent.map { $0 &+ 1 }
        }
        return (isNegative, digits, exponent)
    }

    public var description: String { literal }
}
