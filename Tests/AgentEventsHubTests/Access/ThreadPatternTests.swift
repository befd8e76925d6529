import AgentEvents
import AgentEventsTesting
import Testing

@testable import AgentEventsHub

/// SEC-39: the matcher of patterns against a naive model, and the traps of others.
struct ThreadPatternTests {
    /// One character after the other.
    private static func model(_ pattern: String, _ thread: ThreadID) -> Bool {
        var pattern = Array(pattern.utf8)
        let id = Array(thread.rawValue.utf8)
        let isPrefix = pattern.last == UInt8(ascii: "*")
        if isPrefix { pattern.removeLast() }
        guard isPrefix ? pattern.count <= id.count : pattern.count == id.count else { return false }
        for index in pattern.indices where pattern[index] != id[index] { return false }
        return true
    }

    @Test func patternsMatchAsTheNaiveModel() throws {
        var random = SeededGenerator(seed: 0x5EC)
        let alphabet = Array("aAb*?.-_~/%0")
        var matchCount = 0
        for _ in 0..<50_000 {
            func text(_ characters: [Character], _ range: ClosedRange<Int>) -> String {
                String(
                    (0..<Int.random(in: range, using: &random)).map { _ in
                        characters[Int.random(in: 0..<characters.count, using: &random)]
                    })
            }
            let pattern = text(alphabet, 0...4)
            let id = "t" + text(alphabet.filter { $0 != "*" }, 0...4)
            let thread = try ThreadID(id)
            for pattern in [pattern, "t" + pattern, "t" + pattern + "*", String(id.prefix(2)) + "*"] {
                let isMatch = ThreadPattern(pattern).matches(thread)
                #expect(isMatch == Self.model(pattern, thread), "\(pattern) \(id)")
                if isMatch { matchCount += 1 }
            }
        }
        #expect(matchCount > 1000)
    }

    @Test(
        arguments: [
            ("t_1", "t_1", true), ("t_1", "t_10", false), ("t_1*", "t_10", true), ("t_1*", "t_1", true),
            ("t_1*", "t_", false), ("*", "t_1", true), ("", "t_1", false), ("T_1", "t_1", false),
            ("t_1 ", "t_1", false),
            ("t*1", "t_1", false), ("t*1", "t", false), ("t_*_x", "t_1_x", false), ("**", "t_1", false),
            ("t?1", "t_1", false),
            ("t_[0-9]", "t_1", false), ("t_.", "t_1", false), ("a%2Fb", "a/b", false), ("a/b", "a%2Fb", false),
            // Full-width and combining characters are in no id, and stand for none.
            ("ｔ_1", "t_1", false), ("t_1\u{301}", "t_1", false), ("K", "K", true), ("\u{212A}", "K", false),
            ("t_1\u{0}", "t_1", false),
        ])
    func whatAPatternStandsFor(_ pattern: String, _ thread: String, _ isMatch: Bool) throws {
        #expect(ThreadPattern(pattern).matches(try ThreadID(thread)) == isMatch)
    }
}
