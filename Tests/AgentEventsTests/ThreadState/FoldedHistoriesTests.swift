import AgentEvents
import AgentEventsTesting
import Foundation
import Testing

/// Histories with their states, from which the tests of the JavaScript client know that its fold is this one: one JSON object
/// on each line, with the state `before`, the `events`, and the state `after` them.
@Suite struct FoldedHistoriesTests {
    /// The histories that are committed: seeds from 1 on.
    private static let goldenCount: UInt64 = 40

    private static var goldens: URL {
        URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../JavaScript/goldens/histories.ndjson")
    }

    /// The path of a file to write, by the variable `FOLDED_HISTORIES`; `nil` to write none.
    private static var requestedPath: String? { ProcessInfo.processInfo.environment["FOLDED_HISTORIES"] }

    @Test func goldensAreWhatIsFolded() throws {
        let lines = try (1...Self.goldenCount).map { try FoldedHistory(seed: $0).line }
        let text = lines.joined(separator: "\n") + "\n"
        if ProcessInfo.processInfo.environment["WRITE_GOLDENS"] != nil {
            try Data(text.utf8).write(to: Self.goldens)
        }
        let golden = try String(contentsOf: Self.goldens, encoding: .utf8)
        let isSame = Array(text.utf8) == Array(golden.utf8)
        #expect(isSame, "run this test with WRITE_GOLDENS=1, and look at the difference")
    }

    /// Ten thousand histories for `Tests/JavaScript`; most are short, since a debug build writes them.
    @Test(.enabled(if: requestedPath != nil))
    func historiesAreWrittenForOtherFolds() async throws {
        let path = try #require(Self.requestedPath)
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        let file = try #require(FileHandle(forWritingAtPath: path))
        for seed in stride(from: 1, through: 10_000, by: 500) as StrideThrough<UInt64> {
            async let first = Self.lines(seed..<seed + 250)
            async let second = Self.lines(seed + 250..<seed + 500)
            try await file.write(contentsOf: first + second)
        }
        try file.close()
    }

    @concurrent private static func lines(_ seeds: Range<UInt64>) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for seed in seeds {
            bytes += try FoldedHistory(seed: seed, partCount: seed.isMultiple(of: 20) ? 3 : 1).line.utf8
            bytes.append(0x0A)
        }
        return bytes
    }
}

/// A random thread from a random place on, as it is or with merged fragments.
private struct FoldedHistory {
    let line: String

    init(seed: UInt64, partCount: Int = 1) throws {
        var generator = SeededGenerator(seed: seed &+ 77_000_000)
        var events = try RandomThread(seed: seed, partCount: partCount).events
        for index in events.indices { try Self.enrich(&events[index].payload, &generator) }
        let limits = generator.below(2) == 0 ? ThreadState.Limits() : Self.tightLimits(&generator)
        let start = generator.below(2) == 0 ? 0 : generator.below(events.count + 1)
        let before = ThreadState(folding: events[..<start], limits: limits)
        let stored = try events[start...].map {
            StoredEvent(thread: $0.threadID, id: $0.id, bytes: try EventEncoder.encode($0))
        }
        let texts: [[UInt8]]
        if generator.below(3) == 0 {
            texts = FragmentMerge.merging(stored, maximumByteCount: 200 + generator.below(1000)).map(\.event.bytes)
        } else {
            texts = stored.map(\.bytes)
        }
        var after = before
        for text in texts { after.apply(try EventDecoder.decode(text)) }
        line =
            "{\"before\":" + Self.text(before.json.encoded()) + ",\"events\":["
            + texts.map(Self.text).joined(separator: ",") + "],\"after\":" + Self.text(after.json.encoded()) + "}"
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    /// Adds to an event what random threads do not have.
    private static func enrich(_ payload: inout EventPayload, _ generator: inout SeededGenerator) throws {
        switch payload {
        case .agentCompleted(var completed):
            completed.usage = try usage(&generator) ?? completed.usage
            completed.result = try deepened(completed.result, &generator)
            payload = .agentCompleted(completed)
        case .agentFailed(var failed):
            failed.usage = try usage(&generator) ?? failed.usage
            failed.error.message = RandomJSON.text(&generator)
            if generator.below(2) == 0 { failed.error.details = [RandomJSON.text(&generator): 1] }
            payload = .agentFailed(failed)
        case .agentCancelled(var cancelled):
            cancelled.usage = try usage(&generator) ?? cancelled.usage
            payload = .agentCancelled(cancelled)
        case .approvalRequested(var requested):
            requested.isEditable = generator.below(3) == 0
            if generator.below(3) == 0 { requested.approvers = ["u_1", "u_2"] }
            if generator.below(3) == 0 { requested.separateFrom = "u_3" }
            if generator.below(3) == 0 { requested.kind = .input }
            payload = .approvalRequested(requested)
        case .userMessage(var message):
            message.data = try deepened(message.data, &generator)
            payload = .userMessage(message)
        case .stateUpdated(var update):
            if generator.below(9) == 0 { update.key = ["__proto__", "constructor"][generator.below(2)] }
            if generator.below(4) == 0 { update.expiresAt = Timestamp(milliseconds: Int64(generator.below(1 << 30))) }
            payload = .stateUpdated(update)
        default:
            break
        }
    }

    private static func usage(_ generator: inout SeededGenerator) throws -> TokenUsage? {
        guard generator.below(2) == 0 else { return nil }
        var usage = TokenUsage(inputTokens: generator.below(2) == 0 ? nil : Int64(generator.below(5000)))
        if generator.below(2) == 0 { usage.outputTokens = .max }
        for _ in 0..<generator.below(3) {
            usage.other["n_\(generator.below(9))"] = try deepened(RandomJSON.value(&generator), &generator)
        }
        return usage
    }

    /// Now and then a value that is nested as deep as a state keeps it, or one level deeper.
    private static func deepened(_ value: JSONValue?, _ generator: inout SeededGenerator) throws -> JSONValue? {
        guard generator.below(8) == 0 else { return value }
        let depth = ThreadState.Limits.valueDepth + generator.below(2)
        let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        return try JSONValue(parsing: Array(text.utf8))
    }

    private static func tightLimits(_ generator: inout SeededGenerator) -> ThreadState.Limits {
        var limits = ThreadState.Limits()
        limits.messageCount = 1 + generator.below(4)
        limits.messageByteCount = generator.below(400)
        limits.runCount = 1 + generator.below(3)
        limits.runByteCount = generator.below(200)
        limits.entryCount = 1 + generator.below(4)
        limits.entryByteCount = generator.below(300)
        limits.thoughtByteCount = generator.below(60)
        return limits
    }
}
