import AgentEvents
import AgentEventsChecks
import AgentEventsTesting
import Testing

/// A recording, and the test that `agent-events validate --as-test` writes for it: compiled here, as it was written.
struct RecordedBlock: Sendable, CustomStringConvertible {
    /// The name of the recording, of the file of the block, and of its function.
    let name: String
    let expect: @Sendable (InMemorySink) -> Void

    var description: String { name }

    init(_ name: String, _ expect: @escaping @Sendable (InMemorySink) -> Void) {
        self.name = name
        self.expect = expect
    }

    static let all = [
        RecordedBlock("approvals", approvals), RecordedBlock("awkwardTexts", awkwardTexts),
        RecordedBlock("callsAgain", callsAgain), RecordedBlock("catalogue", catalogue),
        RecordedBlock("childRuns", childRuns),
        RecordedBlock("conversation", conversation), RecordedBlock("failures", failures),
        RecordedBlock("goldenRun", goldenRun), RecordedBlock("guide", guide),
        RecordedBlock("interleaved", interleaved), RecordedBlock("merged", merged), RecordedBlock("middle", middle),
        RecordedBlock("parallelTools", parallelTools), RecordedBlock("queued", queued),
        RecordedBlock("twoThreads", twoThreads),
        RecordedBlock("values", values),
    ]

    /// The committed events of the recording, a line each.
    func lines() throws -> [String] { try Recording.lines(of: name) }

    /// What the file of the block has to be.
    func source() throws -> String {
        var expectation = RecordedExpectation()
        for line in try lines() { try expectation.receive(Array(line.utf8)) }
        let block = expectation.lines.map { "        \($0)\n" }.joined()
        return """
            // swift-format-ignore-file
            import AgentEvents
            import AgentEventsTesting
            import Testing

            extension RecordedBlock {
                static func \(name)(_ sink: InMemorySink) {
            \(block)    }
            }

            """
    }

    /// The file of the block as it is.
    func file() throws -> String {
        try Recording.text(of: "../Expectation/Recorded/RecordedBlock+\(name).swift")
    }
}
