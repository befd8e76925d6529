/// Inputs to begin with.
enum FuzzBeginnings {
    static func of(_ subject: FuzzSubject) -> [[UInt8]] {
        switch subject {
        case .json: texts(json)
        case .event:
            texts([
                #"{"type":"custom","id":"3-1","seq":1,"thread_id":"t_1","time":"2026-11-21T02:10:00.123Z","data":{"name":"n","value":1}}"#
            ])
        case .message: texts(messages)
        case .lines: texts(lines)
        case .token: []
        case .claims: texts(claims)
        case .frames: frames
        case .http: texts(requests) + [post(Array(messages[0].utf8))]
        case .fields: texts(fields) + [binaryProxyHeader]
        case .body: bodies
        case .interop: texts(interop)
        case .provider: texts(answers)
        }
    }

    private static func texts(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }

    private static let json = [
        "{}", "[]", #"{"a":[1,-2.5e3,null,true,false,"\u00e9\ud83e\udded\n"],"b":{"c":{}}}"#, "[[[[[[[[[]]]]]]]]]",
        #""\ud800""#, "1e400", "\u{FEFF}{}", #"{"a":1,"a":2}"#, "[" + String(repeating: "9", count: 5000) + "]",
    ]

    private static let messages = [
        #"{"text":"Hello","agent":"guide"}"#, #"{"op":"auth","token":"a.b.c"}"#, #"{"role":"viewer","expires_in":60}"#,
        #"{"op":"subscribe","req":"\u0000","thread_id":"t_1","after":"3-42"}"#,
        #"{"op":"emit","thread_id":"t_1","events":[{"type":"custom","data":{"name":"n","value":1e400}}]}"#,
        #"{"op":"subscibe","threadId":"t_1"}"#,
    ]

    private static let lines = [
        "", "\n\n\n", "{}\n{}\n",
        #"{"type":"user_message","data":{"message_id":"m_1","user_id":"u_1","text":"Hello"}}"#,
        #"{"type":"custom","data":{"name":"n","value":1}}"# + "\r\n\r\n"
            + #"{"type":"custom","data":{"name":"m","value":[]}}"#
            + "\n",
        "{\n\"type\":\"custom\",\n\"data\":{\"name\":\"n\",\"value\":1}}",
    ]

    /// Of the time at which tokens are read here, ``FuzzKey/now``.
    static let claims = [
        #"{"sub":"u_1","exp":1700000600,"iat":1700000000,"jti":"a"}"#,
        #"{"sub":"u_1","exp":1700000600,"iss":"i","aud":["agent-events","b"],"scope":"read emit","threads":["t_7","p-*",{"id":"t_9","allow":["read"]}],"threads_only":true,"act_as":["u_2"]}"#,
        #"{"sub":"u_1","exp":1700000600,"nbf":1700000000,"scope":["read"],"act_as":"*"}"#,
    ]

    private static let fields = [
        "PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\nGET / HTTP/1.1\r\n", "PROXY UNKNOWN\r\n",
        "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n", "198.51.100.7, 10.0.0.1, 127.0.0.1",
        "for=\"[2001:db8::1]:4711\";proto=https;host=a.example, for=_hidden",
        "https://chat.example.com", "https://*.example.org", "localhost:8080", "[::1]:8080", "127.0.0.1.evil.test",
        "null",
        "agent-events.v1, bearer.a.b.c", "Bearer a.b.c", "10.0.0.0/8", "2001:db8::/32", "gzip, identity",
        "a=1&token=b&%74oken=c",
    ]

    private static let interop = [
        "40", "40/threads/t_1,{\"token\":\"a\",\"pid\":\"s_1.3-1\",\"offset\":\"3-4\"}", "2probe", "3", "1",
        "42/threads/t_1,7[\"message\",{\"key\":\"k\",\"data\":{\"text\":\"Hello\"}}]\u{1E}3\u{1E}41/threads/t_1,",
        "452-[\"emit\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]\u{1E}bAQID\u{1E}bAQ==",
        "4510000-[\"emit\"]", "42[\"disconnect\"]", "43/a,1[]", "44{\"message\":\"no\"}",
        "EIO=4&transport=polling&sid=a%41&t=1", "transport=websocket&EIO=3",
        #"{"threadId":"t_1","runId":"r_1","protocolVersion":"1.0","tools":[],"context":[],"forwardedProps":{},"state":{},"messages":[{"id":"m_1","role":"user","content":"Hello"}]}"#,
        #"{"threadId":"t_1","runId":"r_2","messages":[],"resume":[{"interruptId":"r_1/a_1","status":"resolved","payload":{"approved":false}}]}"#,
        #"{"id":"t_1","trigger":"submit-message","messages":[{"id":"m_1","role":"user","parts":[{"type":"text","text":"Hello"}]}]}"#,
        #"{"id":"t_1","messages":[{"id":"r_1","role":"assistant","metadata":{"agentEvents":{"cursor":"3-7"}},"parts":[{"type":"dynamic-tool","state":"approval-responded","approval":{"id":"r_1/a_1","approved":true}}]}]}"#,
        #"{"id":"t_1","trigger":"regenerate-message","messageId":"r_1","messages":[]}"#,
    ]

    private static let answers = [
        ": alive\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\ndata: [DONE]\n\n",
        "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"é\\ud83d\",\"content\":null,\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\r\n\r\n",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"name\":\"f\"}},{\"id\":\"d\",\"function\":{\"arguments\":{\"a\":1}}}]}}]}\n\nevent: error\ndata: {\"error\":{\"code\":429}}\n\n",
        #"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],"usage":null}"#,
        "event: response.output_text.delta\ndata: {\"delta\":\"a\"}\n\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[],\"usage\":{\"input_tokens\":1}}}\n\n",
        "data: {\"type\":\"response.output_item.added\",\"output_index\":1,\"item\":{\"type\":\"function_call\",\"name\":\"f\"}}\n\ndata: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":1,\"delta\":\"{\"}\n\ndata: {\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"type\":\"function_call\",\"arguments\":\"{}\"}}\n\n",
        #"[{"error":{"message":"no","code":"rate_limit_exceeded"}}]"#,
        "\u{FEFF}event: response.incomplete\rdata: {\"response\":{\"incomplete_details\":{\"reason\":\"max_output_tokens\"}}}\r\r",
    ]

    private static let binaryProxyHeader: [UInt8] =
        [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0x00, 0x0C]
        + [198, 51, 100, 7, 192, 0, 2, 1, 0x12, 0x67, 0x01, 0xBB]

    private static let requests = [
        "GET /v1/threads/t_1/events?after=3-42 HTTP/1.1\r\nHost: localhost\r\nX-Secret: \(canary)\r\n\r\n",
        "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: agent-events.v1, bearer.\(canary)\r\n\r\n",
        "POST /v1/threads/t_1/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nHelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS /v1/messages HTTP/1.1\r\nHost: localhost\r\nOrigin: https://chat.example.com\r\nCookie: \(canary)\r\n\r\n",
    ]

    /// A text that stands in no answer.
    static let canary = "cAnArY"

    static func post(_ body: [UInt8]) -> [UInt8] {
        Array(
            "POST /v1/threads/t_1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.count)\r\n\r\n".utf8)
            + body
    }

    // MARK: Frames

    private static let frames: [[UInt8]] =
        [
            frame(0x89, [1, 2, 3]) + frame(0x8A, []),
            frame(0x01, Array(#"{"op":"#.utf8)) + frame(0x80, Array(#""ping"}"#.utf8)),
            frame(0x88, [0x03, 0xE8]), frame(0x82, [1]),
            frame(0x81, Array(#"{"op":"ping","req":1}"#.utf8)) + frame(0x88, []),
            frame(0x01, []) + [UInt8](repeatElement(frame(0x00, [0x20]), count: 50).joined()) + frame(0x80, []),
            frame(0x81, Array(#"{"op":"subscribe","thread_id":"t_1","after":"start","snapshot":true}"#.utf8))
                + frame(
                    0x81,
                    Array(
                        #"{"op":"emit","thread_id":"t_1","events":[{"type":"custom","data":{"name":"n","value":1}}]}"#
                            .utf8)),
        ] + FuzzCorpus.frameLengths.map { $0 + [0, 0, 0, 0] + Array(#"{"op":"ping"}"#.utf8) }

    /// A frame of a client, masked with zeros.
    static func frame(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let size = payload.count
        let head: [UInt8] =
            size < 126 ? [first, 0x80 | UInt8(size)] : [first, 0xFE, UInt8(size >> 8 & 0xFF), UInt8(size & 0xFF)]
        return head + [0, 0, 0, 0] + payload
    }

    // MARK: Compressed bodies

    /// After the first byte, which says how: 0 gzip, else deflate.
    private static let bodies: [[UInt8]] = [
        // gzip of 10 000 times `a`, and of `Hello\n`; zlib of `Hello`; a stored block.
        [
            0x00, 0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xED, 0xC1, 0x01, 0x0D, 0x00, 0x00, 0x00,
            0xC2, 0xA0, 0xAC, 0xEF, 0x5F, 0xC2, 0x1C, 0x6E, 0x40, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
            0xC0, 0xBF, 0x01, 0x97, 0xD4, 0x7E, 0x46, 0x10, 0x27, 0x00, 0x00,
        ],
        [
            0x00, 0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0xE7, 0x02,
            0x00, 0x16, 0x35, 0x96, 0x31, 0x06, 0x00, 0x00, 0x00,
        ],
        [0x01, 0x78, 0x9C, 0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x05, 0x8C, 0x01, 0xF5],
        [1, 0x78, 0x01, 0x01, 0x05, 0x00, 0xFA, 0xFF] + Array("Hello".utf8) + [0x05, 0x8C, 0x01, 0xF5],
    ]
}
