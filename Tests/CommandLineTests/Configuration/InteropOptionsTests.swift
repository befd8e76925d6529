import AgentEventsInterop
import Testing

@testable import agent_events

struct InteropOptionsTests {
    @Test(
        arguments: [
            ([], InteropProtocol.allCases),
            (["none"], []),
            (["ai-sdk", "socket.io", "ai-sdk"], [.socketIO, .aiSDK]),
        ] as [([String], [InteropProtocol])])
    func theProtocolsThatAreNamedAreSpoken(words: [String], protocols: [InteropProtocol]) async throws {
        var options = InteropOptions()
        options.spoken = try words.map(Choice.read)
        #expect(options.protocols == protocols)
        #expect(options.extensions.count == (protocols.isEmpty ? 0 : protocols.count + 1))
    }

    @Test func whatCountsWithoutTheSettingIsShown() async throws {
        let shown = try await Program.run(["config", "show"])
        #expect(shown.output.contains("# interop: [socket.io, ag-ui, ai-sdk]\n"), "\(shown)")
    }
}
