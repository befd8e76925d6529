import Testing
import agent_events

@Suite struct DescriptorLimitTests {
    /// What a system that grants less than it names is asked for, and what is reached.
    @Test(
        arguments: [
            // From, the hard limit, what is granted at most, what is reached at least.
            (1024, 4096, 1_000_000, 4096), (1024, 1_048_576, 1_000_000, 524_288), (256, .max, 61_440, 30_721),
            (256, .max, 10_240, 5121), (1024, .max, 1 << 20, 1 << 20), (4096, 4096, 1_000_000, 4096),
            (4096, 1024, 1_000_000, 4096), (1024, .max, 0, 1024), (1024, .max, 1500, 1024), (0, .max, 0, 0),
        ] as [(UInt64, UInt64, UInt64, UInt64)])
    func asMuchAsTheSystemGrantsIsReached(_ current: UInt64, _ maximum: UInt64, _ granted: UInt64, _ least: UInt64) {
        var asked: [UInt64] = []
        let raised = DescriptorLimit.raised(from: current, upTo: maximum) { wanted in
            asked.append(wanted)
            return wanted <= granted
        }
        #expect(raised >= least && raised <= max(current, min(maximum, granted)))
        #expect(asked.allSatisfy { $0 > current && $0 <= maximum }, "never less than there is: \(asked)")
        #expect(raised == current || asked.last == raised)
    }
}
