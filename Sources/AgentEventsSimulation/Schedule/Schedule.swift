/// A world and everything that happens in it: enough to see it happen again.
package struct Schedule: Hashable, Sendable {
    /// What the world's inhabitants are made from: who follows what, from where, as whom.
    package var seed: UInt64
    package var size: WorldSize
    package var choices: [Choice]

    package init(seed: UInt64, size: WorldSize, choices: [Choice]) {
        self.seed = seed
        self.size = size
        self.choices = choices
    }
}

extension Schedule: CustomStringConvertible {
    /// `seed:size:choice,choice,…`.
    package var description: String {
        "\(String(seed, radix: 36)):\(size):" + choices.map(\.description).joined(separator: ",")
    }

    /// - Returns: `nil` for what is no schedule.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let seed = UInt64(parts[0], radix: 36), let size = WorldSize(parts[1]) else {
            return nil
        }
        var choices: [Choice] = []
        for part in parts[2].split(separator: ",") {
            guard let choice = Choice(part) else { return nil }
            choices.append(choice)
        }
        self.init(seed: seed, size: size, choices: choices)
    }
}
