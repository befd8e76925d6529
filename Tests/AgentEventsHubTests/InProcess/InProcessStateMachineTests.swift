import AgentEventsProtocol
import NIOCore
import Testing

@testable import AgentEventsHub

struct InProcessStateMachineTests {
    private typealias Machine = InProcessStateMachine

    private static func frame(_ texts: String...) -> ByteBuffer {
        var buffer = ByteBuffer()
        for text in texts { StreamFraming.lengthPrefixed.append(Array(text.utf8), event: nil, to: &buffer) }
        return buffer
    }

    private static func take(_ machine: inout Machine) -> String {
        switch machine.take() {
        case .message(let message, let becameWritable):
            String(buffer: message) + (becameWritable ? " (writable)" : "")
        case .wait: "wait"
        case .ended(.left): "left"
        case .ended(.closed(let code, _)): "closed \(code.rawValue)"
        }
    }

    @Test func messagesComeOneByOneOnceTheyAreFlushed() {
        var machine = Machine(watermarkByteCount: 1000)
        machine.write(Self.frame("a", "b"))
        machine.write(Self.frame("c"))
        #expect(Self.take(&machine) == "wait")
        let wakes = machine.flush()
        #expect(wakes)
        let again = machine.flush()
        #expect(!again)
        #expect(machine.pendingByteCount == 15)
        for text in ["a", "b", "c", "wait"] { #expect(Self.take(&machine) == text) }
        #expect(machine.pendingByteCount == 0)
    }

    @Test func aWatermarkStopsEventsUntilHalfOfItIsTaken() {
        var machine = Machine(watermarkByteCount: 40)
        for _ in 0..<3 { machine.write(Self.frame("123456")) }
        #expect(machine.isWritable)
        machine.write(Self.frame("123456"))
        #expect(!machine.isWritable)
        _ = machine.flush()
        #expect(Self.take(&machine) == "123456")
        #expect(!machine.isWritable)
        #expect(Self.take(&machine) == "123456 (writable)")
        #expect(machine.isWritable)
        #expect(Self.take(&machine) == "123456")
    }

    @Test func aClientWaitsWhileTheHubDoesNotRead() {
        var machine = Machine(watermarkByteCount: 100)
        let answer1 = machine.send(byteCount: 60)
        #expect(answer1 == .handOver)
        let answer2 = machine.send(byteCount: 60)
        #expect(answer2 == .handOver)
        // So much that the hub has not looked at.
        let answer3 = machine.send(byteCount: 1)
        #expect(answer3 == .wait)
        let answer4 = machine.didReceive(byteCount: 60)
        #expect(answer4)
        let answer5 = machine.send(byteCount: 1)
        #expect(answer5 == .handOver)
        let answer6 = machine.setReading(false)
        #expect(!answer6)
        let answer7 = machine.send(byteCount: 1)
        #expect(answer7 == .wait)
        let answer8 = machine.didReceive(byteCount: 60)
        #expect(!answer8)
        let answer9 = machine.setReading(true)
        #expect(answer9)
        let answer10 = machine.send(byteCount: 1)
        #expect(answer10 == .handOver)
    }

    @Test func whatWasWrittenBeforeACloseIsTaken() {
        var machine = Machine(watermarkByteCount: 100)
        machine.write(Self.frame("a"))
        machine.close(.goingAway, reason: "the server is going away")
        machine.write(Self.frame("b"))
        machine.close(.internalError, reason: "no longer of interest")
        let answer11 = machine.send(byteCount: 1)
        #expect(answer11 == .ended(.closed(.goingAway, reason: "the server is going away")))
        #expect(Self.take(&machine) == "a")
        #expect(Self.take(&machine) == "closed 1001")
        let isOpen = machine.leave()
        #expect(!isOpen)
    }

    @Test func aClientThatHasLeftGetsNothing() {
        var machine = Machine(watermarkByteCount: 100)
        machine.write(Self.frame("a"))
        _ = machine.flush()
        let isOpen = machine.leave()
        #expect(isOpen)
        #expect(Self.take(&machine) == "left")
        let answer12 = machine.send(byteCount: 1)
        #expect(answer12 == .ended(.left))
        machine.write(Self.frame("b"))
        #expect(machine.pendingByteCount == 0)
    }
}
