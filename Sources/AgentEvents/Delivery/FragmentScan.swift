/// Steps over bytes that should be in the form of ``EventEncoder``. A step that fails leaves the position anywhere up to
/// the place of the fault, but for the literal ones, which leave it where it was.
struct FragmentScan {
    private let base: UnsafePointer<UInt8>
    let end: Int
    private(set) var position = 0

    init(base: UnsafePointer<UInt8>, end: Int) {
        self.base = base
        self.end = end
    }

    /// Steps over a literal text.
    mutating func skip(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard end - position >= count else { return false }
        for index in 0..<count where base[position &+ index] != text.utf8Start[index] { return false }
        position &+= count
        return true
    }

    /// Steps over a number.
    mutating func skip(_ number: UInt64) -> Bool { self.number() == number }

    /// Reads a number without leading zeros.
    mutating func number() -> UInt64? {
        var value: UInt64 = 0
        let start = position
        while position < end, base[position] >= ASCII.zero, base[position] <= ASCII.nine {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(base[position] &- ASCII.zero))
            guard !overflow, !carry else { return nil }
            value = sum
            position &+= 1
        }
        guard position > start, base[start] != ASCII.zero || position == start + 1 else { return nil }
        return value
    }

    /// Steps over the rest of a string, its closing quotation mark included.
    ///
    /// A string with an escape of a surrogate is none here: half of a pair must not meet the half of another fragment.
    mutating func skipString() -> Bool {
        while true {
            position = StringScan.firstSpecial(base, from: position, to: end)
            guard position < end else { return false }
            switch base[position] {
            case ASCII.quote:
                position &+= 1
                return true
            case ASCII.backslash:
                guard skipEscape() else { return false }
            default:
                return false
            }
        }
    }

    private mutating func skipEscape() -> Bool {
        guard end - position >= 2 else { return false }
        switch base[position &+ 1] {
        case ASCII.quote, ASCII.backslash, ASCII.slash, UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
            UInt8(ascii: "r"), UInt8(ascii: "t"):
            position &+= 2
            return true
        case UInt8(ascii: "u"):
            // 0x20 is the bit that makes an ASCII letter lower case.
            guard end - position >= 6, base[position &+ 2] | 0x20 != UInt8(ascii: "d") else { return false }
            position &+= 6
            return true
        default:
            return false
        }
    }
}
