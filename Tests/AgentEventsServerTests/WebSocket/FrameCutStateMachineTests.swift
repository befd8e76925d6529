import Testing

@testable import AgentEventsServer

@Suite("SEC-61: cuts between frames") struct FrameCutStateMachineTests {
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
        if isMasked { bytes += [1, 2, 3, 4] }
        // Payloads that look like headers.
        return bytes + (0..<payloadByteCount).map { $0 % 2 == 0 ? 0x82 : 0xff }
    }

    private static let frames: [[UInt8]] =
        [0, 1, 125, 126, 127, 300, 65_535, 65_536].flatMap { count in
            [frame(payloadByteCount: count), frame(payloadByteCount: count, isMasked: false)]
        } + [frame(payloadByteCount: 3, longForm: true)]

    @Test func aUsualReadPassesAsItIs() {
        var machine = FrameCutStateMachine()
        let bytes = Self.frames.flatMap { $0 }
        #expect(machine.take(bytes) == bytes.count)
        #expect(machine == FrameCutStateMachine())
    }

    /// Wherever a read ends, the next one continues in the same frame.
    @Test func aReadMayEndAnywhere() {
        for frame in Self.frames where frame.count < 400 {
            for cut in 0...frame.count {
                var machine = FrameCutStateMachine()
                #expect(machine.take(frame[..<cut]) == cut)
                #expect(machine.take(frame[cut...]) == frame.count - cut)
                #expect(machine == FrameCutStateMachine(), "a frame of \(frame.count) bytes, cut at \(cut)")
            }
        }
    }

    /// So many frames and no more, of whatever kind, each turn up to the end of one.
    @Test func aTurnHasSoManyFrames() {
        let maximum = FrameCutStateMachine.maximumFrameCount
        for frame in Self.frames where frame.count < 400 {
            var machine = FrameCutStateMachine()
            var rest = Array(repeatElement(frame, count: 2 * maximum + 1).joined())[...]
            for expected in [maximum, maximum, 1] {
                let count = machine.take(rest)
                #expect(count == expected * frame.count)
                rest = rest.dropFirst(count)
            }
            #expect(rest.isEmpty)
        }
    }

    /// The end of a frame that began in an earlier read counts.
    @Test func aFrameOfTwoReadsIsOneOfTheSecond() {
        let maximum = FrameCutStateMachine.maximumFrameCount
        let frame = Self.frame(payloadByteCount: 10)
        var machine = FrameCutStateMachine()
        #expect(machine.take(frame[..<9]) == 9)
        let rest = frame[9...] + Array(repeatElement(frame, count: maximum).joined())
        #expect(machine.take(rest) == frame.count - 9 + (maximum - 1) * frame.count)
    }

    /// A length that no frame may have is left to the decoder, and nothing overflows.
    @Test(arguments: [0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, 0xffff_ffff_ffff_ffff] as [UInt64])
    func anAbsurdLengthIsTakenAsItIs(_ length: UInt64) {
        var machine = FrameCutStateMachine()
        let head: [UInt8] =
            [0x82, 0xff] + stride(from: 56, through: 0, by: -8).map { UInt8(length >> $0 & 0xff) } + [0, 0, 0, 0]
        #expect(machine.take(head) == head.count)
        for _ in 0..<10 { #expect(machine.take(Array(repeating: 0, count: 1000)) == 1000) }
    }
}
