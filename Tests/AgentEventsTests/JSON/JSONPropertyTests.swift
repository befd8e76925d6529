import AgentEvents
import AgentEventsTesting
import Testing

struct JSONPropertyTests {
    @Test(arguments: [1, 20_261_121, 0xDEAD_BEEF] as [UInt64])
    func whatIsEncodedParsesToTheSame(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for round in 0..<3000 {
            let value = try RandomJSON.value(&generator)
            let bytes = value.encoded()
            let parsed = try JSONValue(parsing: bytes)
            guard parsed == value, parsed.hashValue == value.hashValue, parsed.encoded() == bytes else {
                Issue.record("seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self))")
                return
            }
        }
    }

    @Test(arguments: [7, 8] as [UInt64])
    func whatGoesThroughCodableIsTheSame(_ seed: UInt64) throws {
        struct Wrapper: Codable {
            var inner: [String: JSONValue]
            var list: [JSONValue]
        }
        var generator = SeededGenerator(seed: seed)
        for round in 0..<300 {
            let value = try RandomJSON.value(&generator)
            let wrapped = try JSONValue(encoding: Wrapper(inner: ["x": value], list: [nil, value]))
            let unwrapped = try wrapped.decode(as: Wrapper.self)
            let same =
                wrapped == ["inner": ["x": value], "list": [nil, value]] && unwrapped.inner == ["x": value]
                && unwrapped.list == [nil, value]
            guard same else {
                Issue.record("seed \(seed), round \(round): \(String(decoding: value.encoded(), as: UTF8.self))")
                return
            }
        }
    }
}
