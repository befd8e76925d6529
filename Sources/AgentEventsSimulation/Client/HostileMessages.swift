/// Messages that no client of ours sends: broken, unknown, too large or about nothing. Each is answered with an error, or
/// passed over, and nothing else suffers from it.
enum HostileMessages {
    private static let messages = [
        #"{"op":"subscribe""#,
        #"[]"#,
        #"{"op":"fly"}"#,
        #"{"op":"subscribe","thread_id":7}"#,
        #"{"op":"subscribe","req":1.5,"thread_id":"t0","from":"yesterday"}"#,
        #"{"op":"ack","thread_id":"t0","cursor":"1-x"}"#,
        #"{"op":"ack","thread_id":"elsewhere","cursor":"1-1"}"#,
        #"{"op":"unsubscribe","thread_id":"elsewhere"}"#,
        #"{"op":"emit","thread_id":"t0","events":[]}"#,
        #"{"op":"emit","thread_id":"t0","events":[{"type":"agent_thinking","data":{"thought":7}}]}"#,
        #"{"op":"emit","thread_id":"t0","events":[{"type":"flown","data":{}}]}"#,
        #"{"op":"ping","req":"p"}"#,
        #"{"op":"pong"}"#,
    ]

    static func next(_ random: inout SimulationRandom) -> [UInt8] {
        let text = messages[random.below(messages.count)]
        guard random.once(in: 4) else { return Array(text.utf8) }
        // So large that it is parsed elsewhere.
        return Array((text + String(repeating: " ", count: 600)).utf8)
    }
}
