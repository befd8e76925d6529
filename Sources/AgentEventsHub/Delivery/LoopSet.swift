/// A set of event loops, by their numbers.
struct LoopSet: Equatable, Sendable {
    /// The first 64.
    private var low: UInt64 = 0
    /// The others, 64 in each; hardly ever any.
    private var high: [UInt64] = []

    var isEmpty: Bool { low == 0 && high.allSatisfy { $0 == 0 } }

    func contains(_ number: Int) -> Bool {
        if number < 64 { return low & (1 << UInt64(number)) != 0 }
        let (word, bit) = (number / 64 - 1, UInt64(number % 64))
        return word < high.count && high[word] & (1 << bit) != 0
    }

    mutating func insert(_ number: Int) {
        guard number >= 64 else {
            low |= 1 << UInt64(number)
            return
        }
        let (word, bit) = (number / 64 - 1, UInt64(number % 64))
        while high.count <= word { high.append(0) }
        high[word] |= 1 << bit
    }

    mutating func remove(_ number: Int) {
        guard number >= 64 else {
            low &= ~(1 << UInt64(number))
            return
        }
        let (word, bit) = (number / 64 - 1, UInt64(number % 64))
        if word < high.count { high[word] &= ~(1 << bit) }
    }
}
