import NIOCore
import Testing

@testable import AgentEventsServer

struct ReadBufferAllocatorTests {
    /// Sizes of reads below, at and above each limit.
    private static let counts = [0, 1, 255, 256, 257, 511, 512, 1023, 1024, 4096, 32_767, 32_768, 65_535, 65_536]

    @Test func buffersGrowAndShrinkAsThoseOfNIO() {
        var random = TestRandom(seed: 7)
        for _ in 0..<200 {
            var (own, reference) = (
                ReadBufferAllocator(), AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 512, maximum: 65_536)
            )
            for _ in 0..<200 {
                #expect(own.nextBufferSize() == reference.nextBufferSize())
                let size = own.nextBufferSize() ?? 0
                let count = min(
                    size, Bool.random(using: &random) ? size : Self.counts.randomElement(using: &random) ?? 0)
                #expect(own.record(actualReadBytes: count) == reference.record(actualReadBytes: count))
            }
        }
    }

    /// What is larger gets a box for each channel.
    @Test func aChannelKeepsItWithoutABox() {
        #expect(MemoryLayout<ReadBufferAllocator>.size <= 3 * MemoryLayout<Int>.size)
    }
}
