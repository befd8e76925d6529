import AgentEventsFuzzing

/// The options with which the program reads bytes that nobody should send.
struct FuzzOptions {
    enum Mode {
        /// In processes of their own, one for each core.
        case campaign(count: UInt64)
        /// In this process; the number of the input that is read next stands in the file.
        case part(Range<UInt64>, place: String)
        case input(FuzzInput)
    }

    var mode: Mode?
    var seed: UInt64
    var corpus = "Schemas/golden"

    init(seed: UInt64) { self.seed = seed }

    /// - Returns: whether the option is one of these.
    mutating func take(_ option: String, _ value: String) throws(UsageError) -> Bool {
        switch option {
        case "--fuzz":
            guard let count = UInt64(value), count > 0 else { throw UsageError("--fuzz takes a number of inputs") }
            mode = .campaign(count: count)
        case "--fuzz-part":
            let words = value.split(separator: ",", maxSplits: 2).map(String.init)
            guard words.count == 3, let first = UInt64(words[0]), let end = UInt64(words[1]), first < end else {
                throw UsageError("--fuzz-part takes FIRST,END,FILE")
            }
            mode = .part(first..<end, place: words[2])
        case "--fuzz-input":
            guard let input = FuzzInput(value) else { throw UsageError("that is no input") }
            mode = .input(input)
        case "--corpus": corpus = value
        default: return false
        }
        return true
    }
}
