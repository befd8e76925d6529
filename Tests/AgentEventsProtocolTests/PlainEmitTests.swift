import AgentEvents
import AgentEventsProtocol
import AgentEventsTesting
import Testing

/// The short cut for what is sent most reads what the tree reads, or leaves it to the tree.
struct PlainEmitTests {
    /// What the short cut is for.
    private static let plain = [
        #"{"op":"emit","req":4,"thread_id":"t_7","events":[{"type":"message_delta","run_id":"r_1","data":{"message_id":"m_1","text":"a"}}]}"#,
        #"{"op":"emit","req":"a","thread_id":"t_7","key":"k","user_id":"u","lease":"l","events":[{"type":"agent_thinking","run_id":"r","agent":"g","data":{"thought_id":"h","text":"\u00e4\n"}}]}"#,
        #"{"op":"emit","thread_id":"t_7","events":[{"type":"custom","data":{"name":"d","value":{"a":[1,2.5e3,{"b":null}],"c":"ü"}}}]}"#,
        #" { "op" : "emit" , "events" : [ { "type" : "custom" , "data" : { "value" : 1 , "name" : "n" } } , { "type" : "message_delta" , "data" : { "text" : "" , "message_id" : "m" } , "agent" : "g" , "run_id" : "r" } ] , "thread_id" : "t" } "#,
    ]
    /// What looks like it, and is not, or is refused.
    private static let others = [
        #"{"op":"emit","thread_id":"..","events":[{"type":"custom","data":{"name":"d","value":1}}]}"#,
        #"{"op":"emit","thread_id":"t","events":[]}"#,
        #"{"op":"emit","thread_id":"t","thread_id":"t","events":[{"type":"custom","data":{"name":"d","value":1}}]}"#,
        #"{"op":"emit","thread_id":"t","key":null,"events":[{"type":"custom","data":{"name":"d","value":1}}]}"#,
        #"{"op":"emit","req":true,"thread_id":"t","events":[{"type":"custom","data":{"name":"d","value":1}}]}"#,
        #"{"op":"emit","thread_id":"t","events":[{"type":"custom","data":{"name":"","value":1}}]}"#,
        #"{"op":"emit","thread_id":"t","events":[{"type":"custom","data":{"name":"d","value":1,"by":"u"}}]}"#,
        #"{"op":"emit","thread_id":"t","events":[{"type":"custom","id":"3-4","data":{"name":"d","value":1}}]}"#,
        #"{"op":"emit","thread_id":"t","events":[{"type":"custom","thread_id":"t","data":{"name":"d","value":1}}]}"#,
        #"{"op":"emit","thread_id":"t","events":[{"type":"message_delta","data":{"message_id":"m","text":"no run"}}]}"#,
        #"{"op":"emit","thread_id":"t","events":[{"type":"message_delta","run_id":"r","data":{"thought_id":"m","text":""}}]}"#,
        #"{"op":"emit","thread_id":"t","events":[{"type":"message_delta","run_id":"r","data":{"message_id":"m","text":"\ud83d"}}]}"#,
        #"{"op":"emit","thread_id":"t","events":[{"type":"custom","agent":"g","data":{"name":"d","value":1}}]}"#,
        #"{"op":"emit","thread_id":"t","events":[{"type":"agent_completed","run_id":"r"}]}"#,
        #"{"op":"emit","thread_id":"t","events":[{"type":"custom","data":{"name":"d","value":1}},]}"#,
        #"{"op":"emit","thread_id":"t","events":[{"type":"custom","data":{"name":"d","value":1}}]}}"#,
        #"{"op":"subscribe","thread_id":"t"}"#,
    ]

    private func isPlain(_ bytes: [UInt8], maximumBatchEvents: Int = 4) -> Bool {
        bytes.withUnsafeBytes { PlainEmit($0, maximumBatchEvents: maximumBatchEvents) != nil }
    }

    private func read(
        _ bytes: [UInt8], _ read: (UnsafeRawBufferPointer) throws(ProtocolError) -> ClientMessage
    ) -> Result<ClientMessage, ProtocolError> {
        bytes.withUnsafeBytes { bytes in
            do throws(ProtocolError) {
                return .success(try read(bytes))
            } catch {
                return .failure(error)
            }
        }
    }

    private func expectTheSame(_ bytes: [UInt8]) {
        let short = read(bytes) { bytes throws(ProtocolError) in
            try ClientMessage.decode(bytes, maximumBatchEvents: 4)
        }
        let tree = read(bytes) { bytes throws(ProtocolError) in
            try ClientMessage.decodeTree(bytes, maximumBatchEvents: 4)
        }
        guard short != tree else { return }
        Issue.record("\(String(decoding: bytes, as: UTF8.self)) is read as \(short), and by the tree as \(tree)")
    }

    @Test(arguments: plain) func whatIsPlainIsReadAtOnce(_ text: String) {
        #expect(isPlain(Array(text.utf8)))
        expectTheSame(Array(text.utf8))
    }

    @Test(arguments: others) func whatIsNotPlainIsLeftToTheTree(_ text: String) {
        #expect(!isPlain(Array(text.utf8)))
        expectTheSame(Array(text.utf8))
    }

    /// No member stands twice, wherever it is.
    @Test(arguments: [
        #""req":1"#, #""thread_id":"t""#, #""key":"k""#, #""user_id":"u""#, #""lease":"l""#, #""run_id":"r""#,
        #""agent":"g""#, #""message_id":"m""#, #""text":"x""#, #""name":"d""#, #""value":1"#,
        #""data":{"name":"d","value":1}"#,
        #""events":[{"type":"message_delta","run_id":"r","agent":"g","data":{"message_id":"m","text":"x"}},{"type":"custom","data":{"name":"d","value":1}}]"#,
    ])
    func noMemberStandsTwice(_ member: String) {
        let message =
            #"{"op":"emit","req":1,"thread_id":"t","key":"k","user_id":"u","lease":"l","events":[{"type":"message_delta","run_id":"r","agent":"g","data":{"message_id":"m","text":"x"}},{"type":"custom","data":{"name":"d","value":1}}]}"#
        #expect(isPlain(Array(message.utf8)))
        let parts = message.split(separator: member, omittingEmptySubsequences: false)
        #expect(parts.count == 2)
        let doubled = Array(parts.joined(separator: "\(member),\(member)").utf8)
        #expect(!isPlain(doubled))
        expectTheSame(doubled)
    }

    @Test func aBatchThatIsTooLargeIsLeftToTheTree() {
        let event = #"{"type":"custom","data":{"name":"d","value":1}}"#
        for count in 1...5 {
            let events = Array(repeating: event, count: count).joined(separator: ",")
            let message = Array(#"{"op":"emit","thread_id":"t","events":[\#(events)]}"#.utf8)
            #expect(isPlain(message) == (count <= 4))
            expectTheSame(message)
        }
    }

    /// A value is as deep in both.
    @Test func nestingHasTheSameLimit() {
        for depth in 58...62 {
            let value = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            let event = #"{"type":"custom","data":{"name":"d","value":\#(value)}}"#
            expectTheSame(Array(#"{"op":"emit","thread_id":"t","events":[\#(event)]}"#.utf8))
        }
    }

    /// Bytes are changed, taken out, doubled, and parts of one message come into another.
    @Test(arguments: 1...40) func whateverComesIsReadAsTheTreeReadsIt(_ seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let all = (Self.plain + Self.others).map { Array($0.utf8) }
        for _ in 0..<500 {
            var message = all[Int.random(in: 0..<all.count, using: &random)]
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<message.count, using: &random)
                let stop = min(message.count, place + Int.random(in: 0..<24, using: &random))
                switch Int.random(in: 0..<5, using: &random) {
                case 0: message[place] = UInt8.random(in: 0...255, using: &random)
                case 1: message.removeSubrange(place..<stop)
                case 2: message.insert(contentsOf: message[place..<stop], at: place)
                case 3:
                    message.insert(#"{}[],:\"0n "#.utf8.randomElement(using: &random) ?? 0, at: place)
                default:
                    let other = all[Int.random(in: 0..<all.count, using: &random)]
                    let from = Int.random(in: 0..<other.count, using: &random)
                    message.insert(contentsOf: other[from..<min(other.count, from + 30)], at: place)
                }
                if message.isEmpty { break }
            }
            expectTheSame(message)
        }
    }
}
