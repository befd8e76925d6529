import Testing

@testable import AgentEvents

/// The machine between producers and the writer; waiters are numbers here.
struct GroupCommitStateMachineTests {
    private static let owner = ThreadOwner(thread: "t_1", user: "u_1")

    private static func entry(_ sequence: UInt64, byteCount: Int = 10) -> LogEntry {
        LogEntry(
            owner: owner, id: EventID(generation: 1, sequence: sequence), type: .custom, run: nil,
            bytes: Array(repeating: 0, count: byteCount))
    }

    @Test func anOfferWakesTheSleepingWriterOnce() throws {
        var machine = GroupCommitStateMachine<Int>(highWaterByteCount: 1000)
        let sleeps = machine.suspendWriter(7)
        #expect(sleeps)
        guard case .enqueued(1, false, let woken) = machine.offer(Self.entry(1)) else {
            Issue.record("the first offer has position 1")
            return
        }
        #expect(woken == .writer)
        guard case .enqueued(2, false, let again) = machine.offer(Self.entry(2)) else {
            Issue.record("the second offer has position 2")
            return
        }
        #expect(again == .nobody)
        let writer = machine.takeWriter()
        #expect(writer == 7)
        let nobody = machine.takeWriter()
        #expect(nobody == nil)
    }

    @Test func theWriterDoesNotSleepWhileSomethingIsPending() {
        var machine = GroupCommitStateMachine<Int>(highWaterByteCount: 1000)
        _ = machine.offer(Self.entry(1))
        let sleeps = machine.suspendWriter(7)
        #expect(!sleeps)
    }

    @Test func aCommitTakesEverythingOfferedAndResumesThoseItCovers() {
        var machine = GroupCommitStateMachine<Int>(highWaterByteCount: 100_000)
        _ = machine.offer(Self.entry(1))
        _ = machine.offer(Self.entry(2))
        guard case .suspend = machine.waitForCommit(of: 2, 1) else {
            Issue.record("not committed yet")
            return
        }
        guard case .commit(let entries, _, 2) = machine.nextCommit() else {
            Issue.record("both are taken")
            return
        }
        #expect(entries.map(\.id.sequence) == [1, 2])
        // Offered while the commit is under way: belongs to the next one.
        _ = machine.offer(Self.entry(3))
        guard case .suspend = machine.waitForCommit(of: 3, 2) else {
            Issue.record("not committed yet")
            return
        }
        let resumed = machine.didCommit(byteCount: 20, count: 2)
        #expect(resumed == [1])
        #expect(machine.committedPosition == 2)
        guard case .proceed = machine.waitForCommit(of: 2, 3) else {
            Issue.record("committed")
            return
        }
        guard case .commit(let rest, _, 3) = machine.nextCommit() else {
            Issue.record("the third is taken")
            return
        }
        #expect(rest.map(\.id.sequence) == [3])
        let last = machine.didCommit(byteCount: 10, count: 1)
        #expect(last == [2])
    }

    @Test func producersWaitAtTheHighWaterMarkAndGoOnBelowIt() {
        var machine = GroupCommitStateMachine<Int>(highWaterByteCount: 1000)
        guard case .enqueued(1, true, _) = machine.offer(Self.entry(1, byteCount: 2000)) else {
            Issue.record("accepted, and full")
            return
        }
        guard case .suspend = machine.waitForCapacity(5) else {
            Issue.record("a producer waits")
            return
        }
        guard case .commit(_, _, let position) = machine.nextCommit() else {
            Issue.record("there is something to commit")
            return
        }
        #expect(position == 1)
        let resumed = machine.didCommit(byteCount: 2000, count: 1)
        #expect(resumed == [5])
        guard case .proceed = machine.waitForCapacity(6) else {
            Issue.record("there is room")
            return
        }
    }

    @Test func aFailureReachesEveryoneAndStays() {
        var machine = GroupCommitStateMachine<Int>(highWaterByteCount: 10)
        _ = machine.offer(Self.entry(1, byteCount: 100))
        _ = machine.waitForCommit(of: 1, 1)
        _ = machine.waitForCapacity(2)
        _ = machine.nextCommit()
        let resumed = machine.didFail(EventLogError(.full, "no room"))
        #expect(resumed == [1, 2])
        guard case .reject(let error) = machine.offer(Self.entry(2)) else {
            Issue.record("nothing is accepted any more")
            return
        }
        #expect(error.code == .full)
        guard case .fail = machine.waitForCommit(of: 1, 3) else {
            Issue.record("what was pending is not committed")
            return
        }
        guard case .finish = machine.nextCommit() else {
            Issue.record("the writer is done")
            return
        }
    }

    @Test func closingCommitsWhatIsPendingAndTakesNothingMore() {
        var machine = GroupCommitStateMachine<Int>(highWaterByteCount: 1000)
        _ = machine.offer(Self.entry(1))
        _ = machine.close()
        guard case .reject(let error) = machine.offer(Self.entry(2)) else {
            Issue.record("closing takes nothing")
            return
        }
        #expect(error.code == .closed)
        guard case .commit(let entries, _, _) = machine.nextCommit() else {
            Issue.record("what is pending is committed")
            return
        }
        #expect(entries.count == 1)
        _ = machine.didCommit(byteCount: 10, count: 1)
        guard case .finish = machine.nextCommit() else {
            Issue.record("then the writer is done")
            return
        }
    }

    @Test func closingWakesTheWriter() {
        var machine = GroupCommitStateMachine<Int>(highWaterByteCount: 1000)
        let sleeps = machine.suspendWriter(9)
        #expect(sleeps)
        let resumed = machine.close()
        #expect(resumed == [9])
    }

    @Test func theWriterThatGathersIsWokenOnceByTheEventItWaitsFor() {
        var machine = GroupCommitStateMachine<Int>(highWaterByteCount: 100_000)
        for sequence in 1...3 { _ = machine.offer(Self.entry(UInt64(sequence))) }
        _ = machine.nextCommit()
        _ = machine.offer(Self.entry(4))
        _ = machine.didCommit(byteCount: 30, count: 3)
        // One was pending when the commit ended; this one counts already.
        _ = machine.offer(Self.entry(5))
        let waits = machine.beginGathering(3)
        #expect(waits)
        #expect(Self.wake(machine.offer(Self.entry(6))) == .nobody)
        #expect(Self.wake(machine.offer(Self.entry(7))) == .gatheringWriter)
        #expect(Self.wake(machine.offer(Self.entry(8))) == .nobody)
        let count = machine.endGathering()
        #expect(count == nil, "a producer has ended the wait")
        let waitsAgain = machine.beginGathering(3)
        #expect(!waitsAgain, "there is enough already")
    }

    @Test func aWaitThatEndsByTimeTellsHowManyCame() {
        var machine = GroupCommitStateMachine<Int>(highWaterByteCount: 100_000)
        let waits = machine.beginGathering(3)
        #expect(waits)
        _ = machine.offer(Self.entry(1))
        let count = machine.endGathering()
        #expect(count == 1)
        #expect(Self.wake(machine.offer(Self.entry(2))) == .nobody)
    }

    /// Producers that wait for room offer nothing more.
    @Test func aFullBufferEndsTheWaitForMore() {
        var machine = GroupCommitStateMachine<Int>(highWaterByteCount: 1000)
        let waits = machine.beginGathering(10)
        #expect(waits)
        #expect(Self.wake(machine.offer(Self.entry(1))) == .nobody)
        #expect(Self.wake(machine.offer(Self.entry(2, byteCount: 900))) == .gatheringWriter)
        let count = machine.endGathering()
        #expect(count == nil)
    }

    @Test func nobodyGathersWhenTheBufferIsFullOrTheLogHasFailed() {
        var full = GroupCommitStateMachine<Int>(highWaterByteCount: 1)
        _ = full.offer(Self.entry(1))
        let waits = full.beginGathering(10)
        #expect(!waits)
        var failed = GroupCommitStateMachine<Int>(highWaterByteCount: 1000)
        _ = failed.didFail(EventLogError(.failed, "no"))
        let waitsAfterFailure = failed.beginGathering(10)
        #expect(!waitsAfterFailure)
    }

    /// A log with other writers takes some threads of a commit and refuses others; both have come to their end.
    @Test func aThreadIsToldOnceThatItsOfferWasRefused() {
        let owners = ["t_1", "t_2"].map { ThreadOwner(thread: $0, user: "u_1") }
        let (owner, stranger) = (ObjectIdentifier(owners[0]), ObjectIdentifier(owners[1]))
        var machine = GroupCommitStateMachine<Int>(highWaterByteCount: 100_000)
        _ = machine.offer(Self.entry(1))
        guard case .suspend = machine.waitForCommit(of: 1, 1) else {
            Issue.record("not committed yet")
            return
        }
        _ = machine.nextCommit()
        let resumed = machine.didCommit(byteCount: 10, count: 1, refused: [owner])
        #expect(resumed == [1])
        #expect(machine.committedPosition == 1)
        let other = machine.takeRefusal(of: stranger)
        #expect(!other)
        let refused = machine.takeRefusal(of: owner)
        #expect(refused)
        let again = machine.takeRefusal(of: owner)
        #expect(!again)
        _ = machine.offer(Self.entry(2))
        _ = machine.nextCommit()
        _ = machine.didCommit(byteCount: 10, count: 1)
        let taken = machine.takeRefusal(of: owner)
        #expect(!taken)
    }

    private static func wake(_ action: GroupCommitStateMachine<Int>.OfferAction) -> GroupCommitStateMachine<Int>.Wake? {
        guard case .enqueued(_, _, let wake) = action else { return nil }
        return wake
    }
}
