package import AgentEvents
import NIOCore

/// Makes the frames that clients of one protocol are sent for a range of a thread: pure, with the machines and writers that
/// serve these clients.
///
///     noting ── begin ──> in the range
///
/// Events come in the order of the log, each once.
package protocol FrameMachine: Sendable {
    /// An event before the range.
    mutating func note(_ event: AgentEvent)

    /// The range begins. A client joins here.
    mutating func begin()

    /// An event of the range.
    mutating func receive(_ event: AgentEvent, _ stored: StoredEvent)

    /// The streams, in the order in which clients ask for them.
    var streams: [FrameStream] { get }

    /// The rules by which the frames are checked, in words.
    var rules: [String] { get }
}

/// One frame as it is on the wire.
package struct WireFrame: Hashable, Sendable {
    /// The event that it stands for; `nil` for one that stands for none.
    package let event: EventID?
    /// Whether it tells a client that joins what was before the range.
    package let joins: Bool
    package let text: String
}

/// The frames of one stream that a client asks for, with the first fault in them.
package struct FrameStream: Sendable {
    /// What a client is told of the past may be long: of more, only the number is kept.
    static let maximumJoinCount = 1000
    static let maximumJoinByteCount = 4 * 1024 * 1024

    /// The run that it tells of; `nil` for the whole thread.
    package let run: RunID?
    package private(set) var frames: [WireFrame] = []
    /// The number of frames that tell what was before the range and are left out.
    package private(set) var leftOutCount = 0
    /// Whether the answer to the client has ended.
    package fileprivate(set) var hasEnded = false
    /// The first fault, and the place of its frame; `nil` for one that is left out.
    package private(set) var fault: (frame: Int?, fault: FrameFault)?
    /// The bytes of the frames of the range.
    package private(set) var byteCount = 0
    private var joinByteCount = 0
    private var verifier: any FrameVerifier

    init(_ run: RunID?, _ verifier: any FrameVerifier) {
        self.run = run
        self.verifier = verifier
    }

    /// - Parameter headByteCount: the bytes at the beginning of the frame that are no text.
    mutating func add(_ frame: ByteBuffer, of event: EventID?, joins: Bool = false, headByteCount: Int = 0) {
        let isLeftOut =
            joins && (frames.count >= Self.maximumJoinCount || joinByteCount >= Self.maximumJoinByteCount)
        if fault == nil {
            do throws(FrameFault) {
                try verifier.check(frame, of: event)
            } catch {
                fault = (isLeftOut ? nil : frames.count, error)
            }
        }
        guard !isLeftOut else {
            leftOutCount += 1
            return
        }
        if joins { joinByteCount += frame.readableBytes } else { byteCount += frame.readableBytes }
        let text = String(decoding: frame.readableBytesView.dropFirst(headByteCount), as: UTF8.self)
        frames.append(WireFrame(event: event, joins: joins, text: text))
    }

    mutating func end() { hasEnded = true }
}
