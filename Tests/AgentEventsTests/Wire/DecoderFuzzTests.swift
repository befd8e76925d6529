import AgentEvents
import Testing

/// A million inputs that were events or JSON once, through every decoder. In four parts, each with a seed of its own.
struct DecoderFuzzTests {
    static let roundCount = 255_000

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func noBytesCrashADecoderAndWhatIsReadCanBeWritten(_ seed: UInt64) throws {
        var mutator = try InputMutator(seed: seed)
        var tally = Tally()
        for round in 0..<Self.roundCount {
            let input = mutator.next()
            if let problem = Self.problem(with: input, tally: &tally) {
                Issue.record("seed \(seed), round \(round): \(problem): \(input)")
                return
            }
        }
        // A fuzzer whose inputs all fail at once, or all pass, tests nothing.
        #expect(tally.values > Self.roundCount / 10, "seed \(seed)")
        #expect(tally.events > Self.roundCount / 100, "seed \(seed)")
        #expect(tally.drafts > Self.roundCount / 200, "seed \(seed)")
        #expect(tally.codes.count >= 12, "seed \(seed): \(tally.codes)")
    }

    @Test func theCheckFindsWhatDoesNotComeBack() throws {
        #expect(Self.differs(.null, try JSONValue(parsing: [UInt8](" null ".utf8))) == nil)
        #expect(Self.differs(.string("\u{E9}"), .string("e\u{301}")) != nil)
    }

    private struct Tally {
        var values = 0
        var events = 0
        var drafts = 0
        var codes: Set<WireError.Code> = []
    }

    /// What is wrong with how the decoders take the input; `nil` when nothing is. Typed throws see to it that nothing but
    /// a `WireError` is thrown.
    private static func problem(with input: [UInt8], tally: inout Tally) -> String? {
        let value: JSONValue
        do throws(WireError) {
            value = try JSONValue(parsing: input)
        } catch {
            tally.codes.insert(error.code)
            guard error.path.utf8.first == UInt8(ascii: "$") else { return "the path is \(error.path)" }
            return eventProblem(input, isJSON: false, tally: &tally)
        }
        tally.values += 1
        do throws(WireError) {
            if let problem = differs(value, try JSONValue(parsing: value.encoded())) { return problem }
        } catch {
            return "the value's JSON is refused: \(error)"
        }
        do throws(WireError) {
            _ = try EventDecoder.decodeDraft(value, path: "$", thread: "t")
            tally.drafts += 1
        } catch {
            tally.codes.insert(error.code)
        }
        return eventProblem(input, isJSON: true, tally: &tally)
    }

    private static func differs(_ one: JSONValue, _ other: JSONValue) -> String? {
        one == other && one.encoded() == other.encoded() ? nil : "the value does not come back"
    }

    private static func eventProblem(_ input: [UInt8], isJSON: Bool, tally: inout Tally) -> String? {
        var event: AgentEvent
        do throws(WireError) {
            event = try EventDecoder.decode(input)
        } catch {
            tally.codes.insert(error.code)
            return nil
        }
        guard isJSON else { return "an event is read out of what is no JSON" }
        tally.events += 1
        if case .unknown(let unknown) = event.payload { return unknown.bytes == input ? nil : "bytes are lost" }
        event.unrecognized = nil
        do throws(WireError) {
            let bytes = try EventEncoder.encode(event)
            guard try EventDecoder.decode(bytes) == event else { return "the event does not come back" }
            return nil
        } catch {
            return "the event is not written, or its JSON is refused: \(error)"
        }
    }
}
