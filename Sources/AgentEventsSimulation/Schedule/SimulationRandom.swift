/// A small generator of random numbers (SplitMix64): the same seed gives the same numbers everywhere.
package struct SimulationRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    /// The numbers of one thing in a world.
    init(seed: UInt64, _ kind: UInt64, _ number: Int) {
        var random = SimulationRandom(seed: seed ^ kind << 32 ^ UInt64(number))
        self.init(seed: random.next())
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// - Returns: 0 up to, not including, the bound.
    package mutating func below(_ bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }

    /// - Returns: `true` once in so many times.
    package mutating func once(in count: Int) -> Bool { below(count) == 0 }

    /// - Returns: 0 up to, not including, 1.
    mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }
}
