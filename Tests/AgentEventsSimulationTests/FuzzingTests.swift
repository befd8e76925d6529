import AgentEventsFuzzing
import Testing

/// Inputs that nobody should send, on a small scale: `agent-events-simulation --fuzz` reads millions of them.
@Suite(.serialized, .ownThread) struct FuzzingTests {
    private static func fuzzing(seed: UInt64) async throws -> Fuzzing {
        let key = try await FuzzKey()
        return Fuzzing(seed: seed, corpus: try #require(FuzzCorpus(folder: nil, key: key)), key: key)
    }

    @Test func noInputBreaksWhatReadsIt() async throws {
        let failure = try await Self.fuzzing(seed: 1).run(0..<20_000)
        #expect(failure == nil, "\(failure.map { "\(FuzzInput($0.subject, $0.input)): \($0.problem)" } ?? "")")
    }

    @Test func eachSubjectReadsWhatItShould() async throws {
        let key = try await FuzzKey()
        let corpus = try #require(FuzzCorpus(folder: nil, key: key))
        let bench = FuzzBench(corpus, key: key)
        for subject in FuzzSubject.allCases {
            let entries = corpus.entries(of: subject)
            #expect(!entries.isEmpty, "\(subject)")
            for entry in entries {
                let problem = bench.problem(of: entry, read: subject)
                #expect(problem == nil, "\(FuzzInput(subject, entry))")
            }
        }
    }

    @Test func theSameNumberIsTheSameInput() async throws {
        let (one, other, third) = (
            try await Self.fuzzing(seed: 7), try await Self.fuzzing(seed: 7), try await Self.fuzzing(seed: 8)
        )
        var differenceCount = 0
        for number in 0..<200 as Range<UInt64> {
            #expect(one.input(number) == other.input(number))
            if one.input(number) != third.input(number) { differenceCount += 1 }
        }
        #expect(differenceCount > 100)
    }

    @Test func anInputIsOneLiteral() throws {
        for subject in FuzzSubject.allCases {
            let input = FuzzInput(subject, (0...255).map { UInt8($0) })
            let text = input.description
            #expect(text.utf8.allSatisfy { (0x20..<0x7F).contains($0) && $0 != UInt8(ascii: "'") })
            #expect(FuzzInput(text) == input)
        }
        for text in ["", "json", "nothing:a", "json:%4", "json:%zz", "json:%4g"] { #expect(FuzzInput(text) == nil) }
    }

    @Test func anInputIsMadeSmallerAsLongAsItFails() {
        let input = Array("a long beginning, the [fault] in the middle, and a long end".utf8)
        var shrinking = FuzzShrinking()
        let small = shrinking.run(input) { bytes in
            String(decoding: bytes, as: UTF8.self).contains("fault")
        }
        #expect(String(decoding: small, as: UTF8.self) == "fault")
        var impatient = FuzzShrinking(attemptLimit: 3)
        var attemptCount = 0
        _ = impatient.run(input) { _ in
            attemptCount += 1
            return false
        }
        #expect(attemptCount == 3)
    }
}
