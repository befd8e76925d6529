/// One direction of a connection through a proxy: decides which of its bytes pass, and when. Knows no socket and no clock.
///
///     passing ── end of input, all of it written ──> ended
///       │ └── the place of the cut is reached ──> cut
///       └── it hangs, or the place of the stop is reached ──> stopped ── release ──> passing
package struct SocketPassageStateMachine {
    package enum Action: Equatable {
        case write(ArraySlice<UInt8>)
        /// There is nothing to write now; perhaps at this time, in nanoseconds.
        case wait(until: UInt64?)
        /// Everything has passed, and nothing more comes.
        case end
        case cut(SocketCut)
    }

    private struct Piece {
        var bytes: ArraySlice<UInt8>
        let due: UInt64
    }

    /// The largest number of bytes that are held.
    private static let capacity = 1 << 16
    /// The parts of a second: what passes in one of them is written at once.
    private static let throttleParts = 50

    private let cut: (how: SocketCut, position: Int)?
    private let stop: Int?
    private let latency: LatencyDistribution
    private let bytesPerSecond: Int?
    private let slice: Int
    private var generator: SeededGenerator
    private var isHanging: Bool
    private var isReleased = false
    private var isEnded = false
    private var pieces: [Piece] = []
    private var heldCount = 0
    /// The number of bytes that came.
    private var takenCount = 0
    /// The number of bytes that were passed on.
    package private(set) var passedCount = 0
    private var nextWrite: UInt64 = 0

    package init(_ faults: [SocketFault], _ direction: SocketDirection, generator: SeededGenerator) {
        var cut: (how: SocketCut, position: Int)?
        var stop: Int?
        var latency = LatencyDistribution.none
        var bytesPerSecond: Int?
        var slice = Int.max
        var isHanging = false
        for fault in faults {
            switch fault {
            case .cut(let how, let range, direction): cut = (how, range.lowerBound)
            case .stopReading(let count, direction): stop = count
            case .cut, .stopReading, .refuse: break
            case .hang: isHanging = true
            case .delay(let distribution): latency = distribution
            case .throttle(let rate): bytesPerSecond = max(1, rate)
            case .slice(let count): slice = max(1, count)
            }
        }
        (self.cut, self.stop, self.latency) = (cut, stop, latency)
        (self.bytesPerSecond, self.slice, self.isHanging) = (bytesPerSecond, slice, isHanging)
        self.generator = generator
    }

    /// Whether nothing more is read now, although more may come.
    package var isStopped: Bool { !isReleased && (isHanging || stop.map { takenCount >= $0 } ?? false) }

    /// The number of bytes that may be read; 0 when reading has to wait.
    package var room: Int {
        guard !isEnded, !isStopped else { return 0 }
        let upToStop = isReleased ? .max : stop.map { $0 - takenCount } ?? .max
        return min(Self.capacity - heldCount, cut.map { max(0, $0.position - takenCount) } ?? .max, upToStop)
    }

    package mutating func receive(_ bytes: ArraySlice<UInt8>, at now: UInt64) {
        takenCount += bytes.count
        heldCount += bytes.count
        let delay = latency.latency(at: Double.random(in: 0..<1, using: &generator))
        // No piece passes another one.
        let due = max(now + delay.nanoseconds, pieces.last?.due ?? 0)
        pieces.append(Piece(bytes: bytes, due: due))
    }

    package mutating func receiveEnd() { isEnded = true }

    /// Ends the hanging, and allows reading again.
    package mutating func release() { isReleased = true }

    /// Decides the next action.
    package func next(at now: UInt64) -> Action {
        if isHanging && !isReleased { return .wait(until: nil) }
        if let cut, passedCount >= cut.position { return .cut(cut.how) }
        guard let piece = pieces.first else { return isEnded ? .end : .wait(until: nil) }
        let due = max(piece.due, nextWrite)
        if due > now { return .wait(until: due) }
        let atOnce = bytesPerSecond.map { max(1, $0 / Self.throttleParts) } ?? .max
        return .write(piece.bytes.prefix(min(slice, atOnce)))
    }

    package mutating func wrote(_ count: Int, at now: UInt64) {
        pieces[0].bytes = pieces[0].bytes.dropFirst(count)
        if pieces[0].bytes.isEmpty { pieces.removeFirst() }
        heldCount -= count
        passedCount += count
        if let bytesPerSecond {
            nextWrite = max(now, nextWrite) + UInt64(count) * 1_000_000_000 / UInt64(bytesPerSecond)
        }
    }
}

extension Duration {
    /// Not below zero.
    fileprivate var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        return UInt64(max(0, seconds)) * 1_000_000_000 + UInt64(max(0, attoseconds)) / 1_000_000_000
    }
}
