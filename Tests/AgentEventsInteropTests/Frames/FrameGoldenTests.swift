import AgentEvents
import AgentEventsProtocol
import Foundation
import Testing

@testable import AgentEventsInterop

/// The frames of one conversation in every protocol, to the byte: `Schemas/golden/frames`. A line is a frame as a JSON string; one that
/// begins with `#` stands before each stream of its own.
@Suite
struct FrameGoldenTests {
    private static func golden(_ frameProtocol: FrameProtocol, after: Int) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../Schemas/golden/frames/\(frameProtocol.rawValue).after-\(after).txt")
    }

    /// From the beginning, and for a client that comes in the middle of a text.
    @Test(arguments: FrameProtocol.allCases, [0, 8])
    func theFramesAreThoseOfTheFile(frameProtocol: FrameProtocol, after: Int) throws {
        let machine = try FrameMachineTests.page(FrameMachineTests.conversation(), frameProtocol, after: after)
        var text = ""
        for stream in machine.streams {
            text += "# \(stream.run.map { "run \($0)" } ?? "thread")\(stream.hasEnded ? ", to its end" : "")\n"
            for frame in stream.frames {
                text += String(decoding: JSONValue.string(frame.text).encoded(), as: UTF8.self) + "\n"
            }
        }
        let file = Self.golden(frameProtocol, after: after)
        if ProcessInfo.processInfo.environment["WRITE_GOLDENS"] != nil { try Data(text.utf8).write(to: file) }
        let golden = try String(contentsOf: file, encoding: .utf8)
        #expect(text == golden, "run this test with WRITE_GOLDENS=1, and look at the difference")
    }
}
