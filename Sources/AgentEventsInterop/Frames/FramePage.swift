package import AgentEvents
import AgentEventsProtocol

/// The frames of a page of a thread, in one protocol, and the verdict about them.
package struct FramePage: Sendable {
    package let frameProtocol: FrameProtocol
    package let thread: ThreadID
    /// The last event before the page; `nil` for none.
    package let after: Cursor?
    /// The last event of the page; `nil` for a page without events.
    package let last: Cursor?
    /// The place at which the range continues; `nil` when all of it is told.
    package let next: Cursor?
    /// The thread's last event.
    package let head: Cursor?
    package let machine: any FrameMachine

    package var json: JSONValue {
        let streams = machine.streams
        return [
            "thread_id": thread.json,
            "protocol": .string(frameProtocol.rawValue),
            "after": after.json,
            "upto": last.json,
            "streams": .array(streams.map(Self.json)),
            "verdict": Self.verdict(streams, machine.rules),
            "next": next.json,
            "head": head.json,
        ]
    }

    private static func json(_ stream: FrameStream) -> JSONValue {
        [
            "run_id": stream.run.map { $0.json } ?? .null,
            "frames": .array(
                stream.frames.map { ["event": $0.event.json, "joins": .bool($0.joins), "text": .string($0.text)] }),
            "left_out": .integer(stream.leftOutCount),
            "ended": .bool(stream.hasEnded),
        ]
    }

    /// The first fault of the first stream that has one.
    private static func verdict(_ streams: [FrameStream], _ rules: [String]) -> JSONValue {
        let broken = streams.enumerated().lazy.compactMap { index, stream in stream.fault.map { (index, $0) } }.first
        return [
            "holds": .bool(broken == nil),
            "rules": .array(rules.map { .string($0) }),
            "broken": broken.map { stream, found in
                [
                    "rule": .string(found.fault.rule), "problem": .string(found.fault.description),
                    "stream": .integer(stream), "frame": found.frame.map { .integer($0) } ?? .null,
                ]
            } ?? .null,
        ]
    }
}
