import AgentEventsSQLite
import Testing

@Suite struct CheckpointStateMachineTests {
    @Test func copiesBesideTheWriterAndLetsTheWriterFinish() {
        var machine = CheckpointStateMachine(threshold: 10)
        #expect(machine.committed(pageCount: 9) == .nothing)
        #expect(machine.committed(pageCount: 1) == .copy)
        #expect(machine.committed(pageCount: 30) == .nothing)
        machine.copied()
        #expect(machine.committed(pageCount: 1) == .finish)
        machine.finished(pages: 41, copied: 41)
        #expect(machine.committed(pageCount: 9) == .nothing)
        #expect(machine.committed(pageCount: 1) == .copy)
    }

    @Test func waitsForReadersOnceTheWriteAheadLogIsLarge() {
        var machine = CheckpointStateMachine(threshold: 10)
        for _ in 0..<8 {
            #expect(machine.committed(pageCount: 9) == .nothing)
            #expect(machine.committed(pageCount: 1) == .copy)
            machine.copied()
            let action = machine.committed(pageCount: 0)
            #expect(action == .finish)
            machine.finished(pages: 10, copied: 5)
        }
        #expect(machine.committed(pageCount: 10) == .copy)
        machine.copied()
        #expect(machine.committed(pageCount: 1) == .finishAlone)
        machine.finished(pages: 91, copied: 91)
        #expect(machine.committed(pageCount: 10) == .copy)
        machine.copied()
        #expect(machine.committed(pageCount: 1) == .finish)
    }
}
