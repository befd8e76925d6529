import AgentEventsSimulation

/// Makes inputs out of good ones.
struct FuzzMutation {
    /// The largest input. It fits into one argument of a process, also with each byte escaped.
    static let maximumByteCount = 32 * 1024

    private let entries: [[UInt8]]

    init(_ entries: [[UInt8]]) { self.entries = entries }

    /// One of the good ones after some changes, few of them most times; now and then as it is.
    func input(_ random: inout SimulationRandom) -> [UInt8] {
        var input = pick(entries, &random)
        let count = [0, 1, 1, 1, 2, 2, 3, 5, 8, 16][random.below(10)]
        for _ in 0..<count { change(&input, &random) }
        return input.count > Self.maximumByteCount ? Array(input.prefix(Self.maximumByteCount)) : input
    }

    private func change(_ input: inout [UInt8], _ random: inout SimulationRandom) {
        guard !input.isEmpty else {
            input = pick(entries, &random)
            return
        }
        let place = place(in: input, &random)
        switch random.below(16) {
        case 0: input[place] ^= 1 << UInt8(random.below(8))
        case 1: input[place] = UInt8(random.below(256))
        case 2: input[place] &+= random.once(in: 2) ? 1 : 255
        case 3: input[place] = pick(Self.bytes, &random)
        case 4: input.insert(UInt8(random.below(256)), at: place)
        case 5: input.remove(at: place)
        case 6: input.removeSubrange(range(from: place, in: input, &random))
        case 7: input.removeSubrange(place...)
        case 8: input.insert(contentsOf: input[range(from: place, in: input, &random)], at: place)
        case 9: repeatPart(of: &input, from: place, &random)
        case 10, 11: input.insert(contentsOf: pick(Self.words, &random), at: place)
        case 12: input.replaceSubrange(range(from: place, in: input, &random), with: pick(Self.words, &random))
        case 13: replaceNumber(in: &input, from: place, &random)
        case 14:
            let other = pick(entries, &random)
            guard !other.isEmpty else { return }
            input.replaceSubrange(place..., with: other[self.place(in: other, &random)...])
        default:
            let other = pick(entries, &random)
            input.insert(contentsOf: other, at: place)
        }
    }

    /// Often at one of the ends, where lengths, brackets and signatures are.
    private func place(in input: [UInt8], _ random: inout SimulationRandom) -> Int {
        switch random.below(8) {
        case 0: input.count - 1
        case 1: random.below(min(input.count, 16))
        default: random.below(input.count)
        }
    }

    private func range(from place: Int, in input: [UInt8], _ random: inout SimulationRandom) -> Range<Int> {
        place..<min(input.count, place + 1 + random.below(random.once(in: 4) ? input.count : 8))
    }

    /// What is deep, wide or long.
    private func repeatPart(of input: inout [UInt8], from place: Int, _ random: inout SimulationRandom) {
        let part = Array(input[range(from: place, in: input, &random)])
        let most = min(Self.maximumByteCount / part.count, [4, 70, 300, 4096][random.below(4)])
        guard most > 0 else { return }
        var repeated: [UInt8] = []
        for _ in 0...random.below(most) { repeated += part }
        input.insert(contentsOf: repeated, at: place)
    }

    private func replaceNumber(in input: inout [UInt8], from place: Int, _ random: inout SimulationRandom) {
        let isDigit: (UInt8) -> Bool = { (0x30...0x39).contains($0) }
        guard let start = input[place...].firstIndex(where: isDigit) else { return }
        let end = input[start...].firstIndex { !isDigit($0) } ?? input.count
        input.replaceSubrange(start..<end, with: pick(FuzzCorpus.numbers, &random))
    }

    private func pick<Element>(_ elements: [Element], _ random: inout SimulationRandom) -> Element {
        elements[random.below(elements.count)]
    }

    // MARK: Words

    private static let bytes: [UInt8] =
        [0x00, 0x01, 0x09, 0x0A, 0x0D, 0x1B, 0x7F, 0x80, 0xC0, 0xED, 0xF4, 0xFE, 0xFF]
        + Array(#" "',:;=&%\/*.@[]{}()<>+-_"#.utf8)

    private static let words: [[UInt8]] =
        FuzzCorpus.numbers + FuzzCorpus.frameLengths
        + [
            "null", "true", "{}", "[]", "[[", "{\"a\":", "\"\"", #"\ud800"#, #"\udc00"#, #"\u0000"#, #"\u0022"#, #"\"#,
            "\u{0}", "\r\n", "\n", "\r\n\r\n", "\u{202E}", "\u{FEFF}", "é", "🧭", "../", "%2F", "%00", "%", "*", "t_1*",
            "__proto__", "constructor", "type", "op", "data", "thread_id", "..", ".", "=", "==", "bearer.",
            #","op":"emit""#, #","events":[]"#, #""exp":"600","#, #""alg":"none","#, #""crit":["exp"],"#,
            "Transfer-Encoding: chunked\r\n", "Content-Length: 0\r\n", "Content-Length: 18446744073709551616\r\n",
            "Upgrade: websocket\r\nConnection: Upgrade\r\n", "Expect: 100-continue\r\n", "Host: a\r\nHost: b\r\n",
            "Connection: close\r\n", "0\r\n\r\n", "FFFFFFFFFFFFFFFF\r\n", " HTTP/1.1\r\n", "HTTP/1.0", "HTTP/2.0",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PROXY ", "unknown", "[::1]", "::ffff:127.0.0.1", "127.0.0.1", "65536",
        ].map { Array($0.utf8) } + [[0xED, 0xA0, 0x80], [0xC0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF, 0xFE]]
}
