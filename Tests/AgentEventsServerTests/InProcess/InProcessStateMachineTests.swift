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
        #expect(machine.send(byteCount: 60) == .handOver)
        #expect(machine.send(byteCount: 60) == .handOver)
        // So much that the hub has not looked at.
        #expect(machine.send(byteCount: 1) == .wait)
        #expect(machine.didReceive(byteCount: 60))
        #expect(machine.send(byteCount: 1) == .handOver)
        #expect(!machine.setReading(false))
        #expect(machine.send(byteCount: 1) == .wait)
        #expect(!machine.didReceive(byteCount: 60))
        #expect(machine.setReading(true))
        #expect(machine.send(byteCount: 1) == .handOver)
    }

    @Test func whatWasWrittenBeforeACloseIsTaken() {
        var machine = Machine(watermarkByteCount: 100)
        machine.write(Self.frame("a"))
        machine.close(.goingAway, reason: "the server is going away")
        machine.write(Self.frame("b"))
        machine.close(.internalError, reason: "no longer of interest")
        #expect(machine.send(byteCount: 1) == .ended(.closed(.goingAway, reason: "the server is going away")))
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
        #expect(machine.send(byteCount: 1) == .ended(.left))
        machine.write(Self.frame("b"))
        #expect(machine.pendingByteCount == 0)
    }
}
