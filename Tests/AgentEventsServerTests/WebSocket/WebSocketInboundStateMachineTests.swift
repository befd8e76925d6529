import AgentEventsProtocol
import Testing

@testable import AgentEventsHub
@testable import AgentEventsServer

/// RFC 6455 from the frame upwards, frame by frame.
struct WebSocketInboundStateMachineTests {
    typealias Machine = WebSocketInboundStateMachine<[UInt8]>
    typealias Frame = Machine.Frame

    /// What an action comes to, in words that a table can hold.
    private static func words(_ action: Machine.Action) -> String {
        switch action {
        case .none: "none"
        case .message(let payload): "message \(String(decoding: payload, as: UTF8.self))"
        case .binary(let payload): "binary \(String(decoding: payload, as: UTF8.self))"
        case .sendPong(let payload): "pong \(String(decoding: payload, as: UTF8.self))"
        case .echoClose(let code): "echo \(code.map { "\($0.rawValue)" } ?? "nothing")"
        case .fail(let code, _): "fail \(code.rawValue)"
        case .finish: "finish"
        }
    }

    private static func run(_ frames: [Frame], limit: Int = 1000, takesBinary: Bool = false) -> [String] {
        var machine = Machine(maximumMessageByteCount: limit, takesBinary: takesBinary)
        return frames.map { words(machine.receive($0)) }
    }

    @Test
    func binaryIsTakenWhereItIsAskedFor() {
        let whole = Frame(opcode: 2, payload: Array("b".utf8))
        #expect(Self.run([whole], takesBinary: true) == ["binary b"])
        #expect(Self.run([whole]) == ["fail 1003"])
        let first = Frame(isFinal: false, opcode: 2, payload: Array("b".utf8))
        #expect(
            Self.run([first, Self.continuation("c", final: true), Self.text("t")], takesBinary: true)
                == ["none", "binary bc", "message t"])
    }

    private static func text(_ text: String, final: Bool = true) -> Frame {
        Frame(isFinal: final, opcode: 1, payload: Array(text.utf8))
    }

    private static func continuation(_ text: String, final: Bool) -> Frame {
        Frame(isFinal: final, opcode: 0, payload: Array(text.utf8))
    }

    private static func close(_ bytes: [UInt8]) -> Frame { Frame(opcode: 8, payload: bytes) }

    static let sequences: [(name: String, frames: [Frame], expected: [String])] = [
        ("a text", [text("a")], ["message a"]),
        ("an empty text", [text("")], ["message "]),
        (
            "fragments", [text("a", final: false), continuation("b", final: false), continuation("c", final: true)],
            ["none", "none", "message abc"]
        ),
        (
            "empty fragments",
            [text("", final: false), continuation("", final: false), continuation("x", final: true)],
            ["none", "none", "message x"]
        ),
        (
            "a ping between fragments",
            [text("a", final: false), Frame(opcode: 9, payload: [0x70]), continuation("b", final: true)],
            ["none", "pong p", "message ab"]
        ),
        ("an unasked pong", [Frame(opcode: 10, payload: [1])], ["none"]),
        ("a binary", [Frame(opcode: 2, payload: [])], ["fail 1003"]),
        ("a reserved opcode", [Frame(opcode: 3, payload: [])], ["fail 1002"]),
        ("a reserved control opcode", [Frame(opcode: 11, payload: [])], ["fail 1002"]),
        ("a reserved bit", [Frame(hasReservedBits: true, opcode: 1, payload: [])], ["fail 1002"]),
        ("no mask", [Frame(opcode: 1, isMasked: false, payload: [])], ["fail 1002"]),
        ("a continuation of nothing", [continuation("a", final: true)], ["fail 1002"]),
        ("a text inside of a text", [text("a", final: false), text("b")], ["none", "fail 1002"]),
        (
            "a binary inside of a text", [text("a", final: false), Frame(opcode: 2, payload: [])],
            ["none", "fail 1003"]
        ),
        (
            "a continuation after the end",
            [text("a", final: false), continuation("b", final: true), continuation("c", final: true)],
            ["none", "message ab", "fail 1002"]
        ),
        ("a ping in pieces", [Frame(isFinal: false, opcode: 9, payload: [])], ["fail 1002"]),
        ("a long ping", [Frame(opcode: 9, payload: Array(repeating: 0, count: 126))], ["fail 1002"]),
        ("a close without a code", [close([])], ["echo nothing"]),
        ("a close of one byte", [close([3])], ["fail 1002"]),
        ("a normal close", [close([0x03, 0xE8])], ["echo 1000"]),
        ("a close of an application", [close([0x0F, 0xA0])], ["echo 4000"]),
        ("a close with a reason", [close([0x03, 0xE8, 0x6F, 0x6B])], ["echo 1000"]),
        ("a close with a bad reason", [close([0x03, 0xE8, 0xFF])], ["fail 1007"]),
        ("close 999", [close([0x03, 0xE7])], ["fail 1002"]),
        ("close 1004", [close([0x03, 0xEC])], ["fail 1002"]),
        ("close 1005", [close([0x03, 0xED])], ["fail 1002"]),
        ("close 1006", [close([0x03, 0xEE])], ["fail 1002"]),
        ("close 1015", [close([0x03, 0xF7])], ["fail 1002"]),
        ("close 1016", [close([0x03, 0xF8])], ["fail 1002"]),
        ("close 2999", [close([0x0B, 0xB7])], ["fail 1002"]),
        ("close 5000", [close([0x13, 0x88])], ["fail 1002"]),
        ("nothing after a close", [close([]), text("a"), close([])], ["echo nothing", "none", "finish"]),
        (
            "nothing after a failure", [Frame(opcode: 3, payload: []), text("a"), close([0x03, 0xEA])],
            ["fail 1002", "none", "finish"]
        ),
    ]

    @Test(arguments: sequences)
    func framesMeanWhatTheStandardSays(name: String, frames: [Frame], expected: [String]) {
        #expect(Self.run(frames) == expected, "\(name)")
    }

    @Test func aMessageMayBeAsLongAsTheLimitAndNoLonger() {
        let ten = String(repeating: "x", count: 10)
        #expect(Self.run([Self.text(ten)], limit: 10) == ["message \(ten)"])
        #expect(Self.run([Self.text(ten + "x")], limit: 10) == ["fail 1009"])
        #expect(
            Self.run([Self.text("12345", final: false), Self.continuation("123456", final: true)], limit: 10)
                == ["none", "fail 1009"])
    }

    @Test func afterThisSideClosesOnlyTheAnswerCounts() {
        var machine = Machine(maximumMessageByteCount: 10)
        machine.close()
        let afterText = machine.receive(Self.text("a"))
        let afterClose = machine.receive(Self.close([0x03, 0xE9]))
        #expect(Self.words(afterText) == "none")
        #expect(Self.words(afterClose) == "finish")
    }

    @Test func malformedMessagesAreCountedInAWindow() {
        var limit = MalformedMessageLimit()
        let first = (0..<100).map { _ in limit.record(at: 5) }
        let tooMany = limit.record(at: 9_999)
        let nextWindow = limit.record(at: 10_005)
        #expect(first.allSatisfy { $0 })
        #expect(!tooMany)
        #expect(nextWindow)
    }

    @Test func utf8IsCheckedAcrossWords() {
        #expect(UTF8Validation.isValid(Array("plain text that is longer than a word".utf8)))
        #expect(UTF8Validation.isValid(Array("grüße 👋 and more".utf8)))
        for position in 0..<20 {
            var bytes = Array("plain text that is longer".utf8)
            bytes[position] = 0xFF
            #expect(!UTF8Validation.isValid(bytes))
        }
        #expect(!UTF8Validation.isValid([0xED, 0xA0, 0x80]))
        #expect(!UTF8Validation.isValid(Array("cut".utf8) + [0xC3]))
    }

    /// Each fragment costs work, however small it is (SEC-05).
    @Test(arguments: ["", "x"])
    func aMessageHasOnlySoManyFragments(_ text: String) {
        let first = Self.text(text, final: false)
        let between = Array(repeating: Self.continuation(text, final: false), count: 1022)
        let whole = Self.run([first] + between + [Self.continuation(text, final: true)], limit: 2000)
        #expect(whole.last == "message " + String(repeating: text, count: 1024))
        let tooMany = Self.run([first] + between + between, limit: 4000)
        #expect(tooMany.firstIndex(of: "fail 1009") == 1024)
    }
}
