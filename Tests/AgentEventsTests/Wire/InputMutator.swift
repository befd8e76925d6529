import AgentEvents
import AgentEventsTesting

/// Makes inputs for decoders out of good ones: bytes flipped, put in, taken out, repeated, cut off, or spliced with
/// another input.
struct InputMutator {
    private var generator: SeededGenerator
    private let corpus: [[UInt8]]

    /// Pieces that mean something to a decoder.
    private let pieces: [[UInt8]] =
        [
            "\"", "\\", "{", "}", "[", "]", ",", ":", "\\u", "\\ud83d", "\\udc00", "\\u0000", "\u{0}", "1e400", "-",
            "0", ".",
            "null", "true", "\"\":", "é", "-1", "99999999999999999999", "\"id\":", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        ].map { Array($0.utf8) } + [
            [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82],
        ]

    init(seed: UInt64) throws {
        generator = SeededGenerator(seed: seed)
        let run = #","run_id":"r","agent":"a""#
        let time = #","time":"2026-01-01T00:00:00Z""#
        var texts: [String] = [
            #"{"a":[1,-2.5e3,true,null],"b":{"c":"d\n\u00e9"}}"#, #"["\ud83d\udc4d","\ud83d",0.1e-7]"#,
            #"{"":{"":""}}"#,
            "[[],[[]],{}]", "123456789012345678901234567890", #""漢字é👍""#,
        ]
        for example in EventExample.all where example.data.utf8.count < 110 {
            let envelope = example.belongsToThread ? "" : run
            let data = #","data":\#(example.data)}"#
            texts.append(
                #"{"type":"\#(example.payload.typeName)","id":"1-2","seq":2,"thread_id":"t"\#(envelope)\#(time)"# + data
            )
            texts.append(#"{"type":"\#(example.payload.typeName)"\#(envelope)"# + data)
        }
        texts.append(#"{"type":"later","id":"1-2","seq":2,"thread_id":"t"\#(time),"x":{"y":[1]}}"#)
        corpus = texts.map { Array($0.utf8) }
    }

    mutating func next() -> [UInt8] {
        var input = corpus[generator.below(corpus.count)]
        for _ in 0..<generator.below(3) + 1 { mutate(&input) }
        return input
    }

    private mutating func mutate(_ input: inout [UInt8]) {
        guard !input.isEmpty else { return }
        let index = generator.below(input.count)
        switch generator.below(8) {
        case 0:
            input[index] ^= 1 << UInt8(generator.below(8))
        case 1:
            input[index] = UInt8(truncatingIfNeeded: generator.next())
        case 2:
            input.insert(contentsOf: pieces[generator.below(pieces.count)], at: index)
        case 3:
            input.removeSubrange(index..<min(input.count, index + 1 + generator.below(4)))
        case 4:
            input.removeSubrange(index...)
        case 5:
            input.insert(
                contentsOf: Array(input[index..<min(input.count, index + 8)]), at: generator.below(input.count))
        case 6:
            let other = corpus[generator.below(corpus.count)]
            input.replaceSubrange(index..., with: other[generator.below(other.count)...])
        default:
            // A letter or digit for another keeps JSON legal more often than not.
            let byte = input[index]
            let isLetter = byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
            let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            if isLetter {
                input[index] = UInt8(ascii: "a") + UInt8(generator.below(26))
            } else if isDigit {
                input[index] = UInt8(ascii: "0") + UInt8(generator.below(10))
            }
        }
    }
}
