import AgentEventsTesting
import Testing

@Suite struct SocketPassageStateMachineTests {
    private static let millisecond: UInt64 = 1_000_000
    private static let text = Array("0123456789".utf8)[...]

    private static func machine(_ faults: SocketFault..., seed: UInt64 = 1) -> SocketPassageStateMachine {
        SocketPassageStateMachine(faults, .toClient, generator: SeededGenerator(seed: seed))
    }

    @Test func everythingPassesAtOnceAndThenTheEnd() {
        var machine = Self.machine()
        #expect(machine.next(at: 0) == .wait(until: nil))
        machine.receive(Self.text, at: 0)
        #expect(machine.next(at: 0) == .write(Self.text))
        machine.wrote(4, at: 0)
        #expect(machine.next(at: 0) == .write(Self.text.dropFirst(4)))
        machine.receiveEnd()
        #expect(machine.room == 0)
        machine.wrote(6, at: 0)
        #expect(machine.next(at: 0) == .end)
        #expect(machine.passedCount == 10)
    }

    @Test func whatIsHeldIsBounded() {
        var machine = Self.machine()
        let room = machine.room
        #expect(room == 65536)
        machine.receive(ArraySlice(repeating: 1, count: room), at: 0)
        #expect(machine.room == 0)
        machine.wrote(1, at: 0)
        #expect(machine.room == 1)
    }

    @Test func noMoreIsReadThanPassesBeforeTheCut() {
        var machine = Self.machine(.cut(.reset, afterBytes: 3))
        #expect(machine.room == 3)
        machine.receive(Self.text.prefix(3), at: 0)
        #expect(machine.room == 0)
        #expect(machine.next(at: 0) == .write(Self.text.prefix(3)))
        machine.wrote(3, at: 0)
        #expect(machine.next(at: 0) == .cut(.reset))
        #expect(Self.machine(.cut(afterBytes: 0)).next(at: 0) == .cut(.close))
    }

    @Test func theCutOfTheOtherDirectionIsNone() {
        let machine = Self.machine(.cut(.close, afterBytes: 0, .toService), .stopReading(after: 0, .toService))
        #expect(machine.next(at: 0) == .wait(until: nil))
        #expect(machine.room == 65536)
    }

    @Test func ofTwoOfAKindTheLaterCounts() {
        #expect(Self.machine(.cut(afterBytes: 3), .cut(.halfOpen, afterBytes: 0)).next(at: 0) == .cut(.halfOpen))
    }

    @Test func readingStopsAndGoesOn() {
        var machine = Self.machine(.stopReading(after: 4, .toClient))
        #expect(machine.room == 4)
        machine.receive(Self.text.prefix(4), at: 0)
        #expect(machine.isStopped)
        #expect(machine.room == 0)
        #expect(machine.next(at: 0) == .write(Self.text.prefix(4)))
        machine.release()
        #expect(!machine.isStopped)
        #expect(machine.room == 65532)
    }

    @Test func whatHangsIsNeitherReadNorCutBeforeItsRelease() {
        var machine = Self.machine(.hang, .cut(afterBytes: 0))
        #expect(machine.room == 0)
        #expect(machine.next(at: 0) == .wait(until: nil))
        machine.release()
        #expect(machine.next(at: 0) == .cut(.close))
    }

    @Test func aPieceIsLateByItself() {
        var machine = Self.machine(.delay(.constant(.milliseconds(5))))
        machine.receive(Self.text.prefix(2), at: 0)
        machine.receive(Self.text.dropFirst(2), at: 3 * Self.millisecond)
        #expect(machine.next(at: 0) == .wait(until: 5 * Self.millisecond))
        #expect(machine.next(at: 5 * Self.millisecond) == .write(Self.text.prefix(2)))
        machine.wrote(2, at: 5 * Self.millisecond)
        #expect(machine.next(at: 5 * Self.millisecond) == .wait(until: 8 * Self.millisecond))
    }

    @Test(arguments: UInt64(0)..<20)
    func piecesStayInOrder(seed: UInt64) {
        var machine = Self.machine(.delay(.uniform(.zero ... .milliseconds(9))), seed: seed)
        for index in 0..<10 { machine.receive(Self.text[index...index], at: UInt64(index)) }
        var passed: [UInt8] = []
        var now: UInt64 = 0
        while passed.count < 10 {
            switch machine.next(at: now) {
            case .write(let bytes):
                passed += bytes
                machine.wrote(bytes.count, at: now)
            case .wait(let until): now = until ?? .max
            case .end, .cut: Issue.record("seed \(seed)")
            }
        }
        #expect(passed == Array(Self.text), "seed \(seed)")
        #expect(now >= Self.millisecond, "seed \(seed)")
    }

    @Test func writesAreSlicedAndThrottled() {
        var sliced = Self.machine(.slice(3))
        sliced.receive(Self.text, at: 0)
        #expect(sliced.next(at: 0) == .write(Self.text.prefix(3)))
        var slow = Self.machine(.throttle(bytesPerSecond: 100))
        slow.receive(Self.text, at: 0)
        #expect(slow.next(at: 0) == .write(Self.text.prefix(2)))
        slow.wrote(2, at: 0)
        #expect(slow.next(at: 0) == .wait(until: 20 * Self.millisecond))
        #expect(slow.next(at: 20 * Self.millisecond) == .write(Self.text[2..<4]))
    }
}
