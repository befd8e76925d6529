/// Makes an input smaller as long as it still fails: parts are left out, the largest first, and then bytes become plain ones.
package struct FuzzShrinking {
    private var attemptsLeft: Int

    /// - Parameter attemptLimit: the number of inputs that are tried.
    package init(attemptLimit: Int = 2000) { attemptsLeft = attemptLimit }

    /// - Parameter fails: whether an input fails in the way that is looked for.
    package mutating func run(_ input: [UInt8], fails: ([UInt8]) -> Bool) -> [UInt8] {
        var input = input
        var size = max(1, input.count / 2)
        while true {
            let before = input
            var start = 0
            while start < input.count {
                var shorter = input
                shorter.removeSubrange(start..<min(start + size, input.count))
                if attempt(shorter, fails) { input = shorter } else { start += size }
            }
            if size > 1 { size /= 2 } else if input == before { break }
            guard attemptsLeft > 0 else { return input }
        }
        for index in input.indices where input[index] != UInt8(ascii: "a") {
            var plainer = input
            plainer[index] = UInt8(ascii: "a")
            if attempt(plainer, fails) { input = plainer }
        }
        return input
    }

    private mutating func attempt(_ input: [UInt8], _ fails: ([UInt8]) -> Bool) -> Bool {
        guard attemptsLeft > 0 else { return false }
        attemptsLeft -= 1
        return fails(input)
    }
}
