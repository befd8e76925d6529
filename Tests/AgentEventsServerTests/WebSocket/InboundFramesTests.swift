import NIOCore
import Testing

@testable import AgentEventsServer

@Suite("SEC-61: frames, and turns of them") struct InboundFramesTests {
    private static func payload(_ byteCount: Int) -> [UInt8] {
        // Looks like headers.
        (0..<byteCount).map { $0 % 2 == 0 ? 0x82 : 0xff }
    }

    /// A frame as clients send it.
    private static func frame(payloadByteCount: Int, isMasked: Bool = true, longForm: Bool = false) -> [UInt8] {
        let mask: UInt8 = isMasked ? 0x80 : 0
        var bytes: [UInt8] = [0x82]
        if payloadByteCount >= 65_536 || longForm {
            bytes.append(mask | 127)
            for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(payloadByteCount >> shift & 0xff)) }
        } else if payloadByteCount >= 126 {
            bytes += [mask | 126, UInt8(payloadByteCount >> 8), UInt8(payloadByteCount & 0xff)]
        } else {
            bytes.append(mask | UInt8(payloadByteCount))
        }
        guard isMasked else { return bytes + payload(payloadByteCount) }
        return bytes + [1, 2, 3, 4] + payload(payloadByteCount).enumerated().map { $1 ^ UInt8($0 % 4 + 1) }
    }

    private static let sizes = [0, 1, 125, 126, 127, 300, 65_535, 65_536]
    private static let frames: [[UInt8]] =
        sizes.flatMap { [frame(payloadByteCount: $0), frame(payloadByteCount: $0, isMasked: false)] }
        + [frame(payloadByteCount: 3, longForm: true)]

    private static func machine() -> InboundFrames { InboundFrames(maximumFrameByteCount: 1 << 20) }

    /// The payloads of a turn.
    private static func payloads(_ frames: inout InboundFrames) throws -> [[UInt8]] {
        var payloads: [[UInt8]] = []
        while let frame = try frames.next() {
            #expect(frame.isFinal)
            #expect(frame.opcode == 0x2)
            #expect(!frame.hasReservedBits)
            payloads.append(Array(frame.payload))
        }
        return payloads
    }

    @Test func framesComeAsTheyWereSent() throws {
        var frames = Self.machine()
        frames.append(ByteBuffer(bytes: Self.frames.flatMap { $0 }))
        #expect(try Self.payloads(&frames) == Self.sizes.flatMap { [$0, $0] }.map(Self.payload) + [Self.payload(3)])
        #expect(!frames.isHolding)
    }

    /// Of the two, only the one with a mask is from a client.
    @Test func whatAHeaderSaysIsTold() throws {
        var frames = Self.machine()
        frames.append(ByteBuffer(bytes: [0x01, 0x00, 0xc0, 0x80, 1, 2, 3, 4, 0xa0, 0x00, 0x9a, 0x00]))
        let first = try frames.next()
        #expect(first?.isFinal == false)
        #expect(first?.isMasked == false)
        #expect(first?.opcode == 0x1)
        let second = try frames.next()
        #expect(second?.isFinal == true)
        #expect(second?.isMasked == true)
        #expect(second?.hasReservedBits == true)
        #expect(second?.opcode == 0x0)
        #expect(try frames.next()?.hasReservedBits == true)
        #expect(try frames.next()?.opcode == 0xa)
        #expect(try frames.next() == nil)
    }

    /// Wherever a read ends, the next one continues in the same frame.
    @Test func aReadMayEndAnywhere() throws {
        for frame in Self.frames where frame.count < 400 {
            let whole = frame + frame
            for cut in 0...frame.count {
                var frames = Self.machine()
                frames.append(ByteBuffer(bytes: whole[..<cut]))
                var payloads = try Self.payloads(&frames)
                #expect(payloads.count == (cut == frame.count ? 1 : 0))
                #expect(!frames.isHolding)
                frames.append(ByteBuffer(bytes: whole[cut...]))
                payloads += try Self.payloads(&frames)
                #expect(payloads.count == 2, "a frame of \(frame.count) bytes, cut at \(cut)")
                #expect(Set(payloads).count == 1)
            }
        }
    }

    /// Up to that number of frames and no more, of whatever kind, each turn up to the end of one.
    @Test func aTurnHasUpToANumberOfFrames() throws {
        let maximum = Int(InboundFrames.maximumFrameCount)
        for frame in Self.frames where frame.count < 400 {
            var frames = Self.machine()
            frames.append(ByteBuffer(bytes: Array(repeatElement(frame, count: 2 * maximum).joined())))
            #expect(try Self.payloads(&frames).count == maximum)
            #expect(frames.isHolding)
            // What comes meanwhile has no turn of its own.
            frames.append(ByteBuffer(bytes: frame))
            #expect(try Self.payloads(&frames).count == 0)
            for (expected, isHolding) in [(maximum, true), (1, false)] {
                frames.beginTurn()
                #expect(try Self.payloads(&frames).count == expected)
                #expect(frames.isHolding == isHolding)
            }
        }
    }

    /// The end of a frame that began in an earlier read counts.
    @Test func aFrameOfTwoReadsIsOneOfTheSecond() throws {
        let maximum = Int(InboundFrames.maximumFrameCount)
        let frame = Self.frame(payloadByteCount: 10)
        var frames = Self.machine()
        frames.append(ByteBuffer(bytes: frame[..<9]))
        #expect(try Self.payloads(&frames).isEmpty)
        frames.append(ByteBuffer(bytes: frame[9...] + Array(repeatElement(frame, count: maximum).joined())))
        #expect(try Self.payloads(&frames).count == maximum)
        #expect(frames.isHolding)
    }

    @Test func theLastTurnHasEverything() throws {
        let count = 5 * Int(InboundFrames.maximumFrameCount)
        var frames = Self.machine()
        frames.append(ByteBuffer(bytes: Array(repeatElement(Self.frame(payloadByteCount: 1), count: count).joined())))
        let first = try Self.payloads(&frames).count
        frames.beginLastTurn()
        #expect(try Self.payloads(&frames).count == count - first)
        #expect(!frames.isHolding)
    }

    /// Compared before the rest has come, and before it is used.
    @Test(
        arguments: [
            1 << 20 + 1, 0x1_0000_0000, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, 0xffff_ffff_ffff_ffff,
        ] as [UInt64])
    func aLengthOverTheLimitBreaks(_ length: UInt64) throws {
        var frames = Self.machine()
        frames.append(ByteBuffer(bytes: [0x82, 0xff] + (0..<7).map { UInt8(length >> (56 - 8 * $0) & 0xff) }))
        #expect(try frames.next() == nil)
        frames.append(ByteBuffer(bytes: [UInt8(length & 0xff)]))
        #expect(throws: InboundFrames.Violation.tooBig) { try frames.next() }
        #expect(frames.isBroken)
        frames.append(ByteBuffer(bytes: Self.frame(payloadByteCount: 1)))
        #expect(try frames.next() == nil)
    }

    @Test func theLargestFrameIsTaken() throws {
        var frames = Self.machine()
        let bytes = Self.frame(payloadByteCount: 1 << 20)
        for start in stride(from: 0, to: bytes.count, by: 65_536) {
            #expect(try frames.next() == nil)
            frames.append(ByteBuffer(bytes: bytes[start..<min(start + 65_536, bytes.count)]))
        }
        #expect(try frames.next()?.payload.count == 1 << 20)
        #expect(try frames.next() == nil)
    }

    @Test(arguments: [[0x08, 0x80], [0x09, 0x80], [0x8a, 0xfe, 0, 126], [0x8f, 0xfe, 1, 0]] as [[UInt8]])
    func aControlFrameThatIsLongOrAFragmentBreaks(_ header: [UInt8]) throws {
        var frames = Self.machine()
        frames.append(ByteBuffer(bytes: header))
        #expect(throws: InboundFrames.Violation.control) { try frames.next() }
        #expect(frames.isBroken)
    }
}
