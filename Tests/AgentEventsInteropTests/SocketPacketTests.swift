import AgentEvents
import AgentEventsInterop
import AgentEventsProtocol
import NIOCore
import Testing

@Suite("SocketPacketDecoder")
struct SocketPacketTests {
    private func decode(_ text: String) throws -> SocketPacket? {
        var decoder = SocketPacketDecoder()
        return try decoder.receive(text: ByteBuffer(string: text))
    }

    @Test(arguments: [
        "0", #"0{"token":"123"}"#, #"0/custom,{"token":"abc"}"#, "1", "1/custom,", #"2["message",1,"2",{"3":[true]}]"#,
        #"2456["message-with-ack",1]"#, #"3/threads/t_7,12[{"ok":true}]"#,
    ])
    func aPacketSurvivesARoundTrip(text: String) throws {
        let packet = try #require(try decode(text))
        #expect(String(buffer: packet.text) == text)
    }

    @Test(arguments: [
        "", "abc", "7", "2", "2{}", "2[]", #"2["connect"]"#, #"2["disconnecting"]"#, "0[]", "1{}", "3[1]",
        #"51["message"]"#,
        #"511-["message"]"#, #"51-["message",{"_placeholder":true,"num":1}]"#, #"2["message""#, "21234567890123456[]",
    ])
    func whatIsNoPacketIsRefused(text: String) {
        #expect(throws: SocketPacketDecoder.Violation.self) { try decode(text) }
    }

    @Test func attachmentsFollowTheirText() throws {
        var decoder = SocketPacketDecoder()
        let text = #"52-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#
        #expect(try decoder.receive(text: ByteBuffer(string: text)) == nil)
        #expect(try decoder.receive(binary: ByteBuffer(bytes: [1])) == nil)
        let packet = try #require(try decoder.receive(binary: ByteBuffer(bytes: [2])))
        #expect(packet.attachments == [ByteBuffer(bytes: [1]), ByteBuffer(bytes: [2])])
        #expect(String(buffer: packet.text) == text)
    }

    @Test func aTextBetweenAttachmentsIsRefused() throws {
        var decoder = SocketPacketDecoder()
        _ = try decoder.receive(text: ByteBuffer(string: #"51-["message",{"_placeholder":true,"num":0}]"#))
        #expect(throws: SocketPacketDecoder.Violation.self) {
            try decoder.receive(text: ByteBuffer(string: #"2["message"]"#))
        }
    }
}

@Suite("RecoveryPlace")
struct RecoveryPlaceTests {
    private let first = EventID(generation: 3, sequence: 42)
    private let last = EventID(generation: 3, sequence: 57)

    @Test func aClientThatGotNothingBeginsWhereItBegan() throws {
        let place = try RecoveryPlace(["pid": "s_1.3-42"])
        #expect(place.start == .after(first))
        #expect(place.pid == "s_1.3-42")
    }

    @Test func theOffsetGoesAheadOfThePid() throws {
        let place = try RecoveryPlace(["pid": "s_1.start", "offset": "3-57", "after": "now"])
        #expect(place.start == .after(last))
        #expect(!place.isLost)
    }

    @Test func anOffsetOfAnApplicationIsNotTakenForOurs() throws {
        let place = try RecoveryPlace(["pid": "s_1.3-42", "offset": "x"])
        #expect(place.isLost)
        #expect(place.start == .start)
        #expect(try RecoveryPlace(["offset": "x"]).start == .now)
    }

    @Test func anUnknownCursorGetsANewPid() throws {
        var machine = NamespaceStateMachine(try RecoveryPlace(["pid": "s_1.3-42", "offset": "3-57"]))
        #expect(
            machine.receive(["op": "subscribed", "req": "connect", "after": .null])
                == .connect(pid: nil, start: nil, isReset: false))
        var known = NamespaceStateMachine(try RecoveryPlace(["pid": "s_1.3-42", "offset": "3-57"]))
        #expect(
            known.receive(["op": "subscribed", "req": "connect", "after": "3-57"])
                == .connect(pid: "s_1.3-42", start: last, isReset: false))
    }

    @Test func onlyWhatIsForGoodDisconnectsFromTheNamespace() throws {
        let table: [(StreamCloseCode, String, NamespaceStateMachine.CloseAction)] = [
            (.goingAway, "", .endConnection), (.limits, "limits.rate", .endConnection),
            (.notAuthenticated, "auth.expired", .endConnection), (.notAuthenticated, "auth.revoked", .disconnect),
            (.forbidden, "", .disconnect),
        ]
        for (code, reason, action) in table {
            var machine = NamespaceStateMachine(nil)
            _ = machine.receive(["op": "welcome"])
            #expect(machine.closed(code, reason: reason) == action)
        }
        var connecting = NamespaceStateMachine(nil)
        #expect(connecting.closed(.notAuthenticated, reason: "auth.expired") == .refuse(code: "auth.expired"))
    }
}
