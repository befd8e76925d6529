import AgentEvents
import AgentEventsChecks
import AgentEventsTesting
import Testing

/// Each test breaks a sound history in one place and sees what the check says.
@Suite struct HistoryCheckTests {
    @Test(arguments: [true, false])
    func aSoundHistoryHasNoFaults(hasLog: Bool) throws {
        #expect(try SoundHistory(hasLog: hasLog).faults() == [])
    }

    @Test(arguments: [true, false])
    func aDurationThatIsLeftToTheServiceIsNoChange(hasLog: Bool) throws {
        var history = try SoundHistory(hasLog: hasLog)
        var count = 0
        for index in history.records.indices {
            guard case .attempted(var attempt) = history.records[index] else { continue }
            for draft in attempt.drafts.indices {
                switch attempt.drafts[draft].payload {
                case .toolCompleted(var completed):
                    completed.durationMilliseconds = 0
                    attempt.drafts[draft].payload = .toolCompleted(completed)
                case .agentCompleted(var completed):
                    completed.durationMilliseconds = 0
                    attempt.drafts[draft].payload = .agentCompleted(completed)
                default:
                    continue
                }
                attempt.drafts[draft].isDurationMeasured = true
                count += 1
            }
            history.records[index] = .attempted(attempt)
        }
        #expect(count >= 3)
        #expect(history.faults() == [])
    }

    @Test(arguments: [true, false])
    func aLostEventIsFound(hasLog: Bool) throws {
        var history = try SoundHistory(hasLog: hasLog)
        history.records.remove(at: try #require(try history.index(ofSeen: 2, by: "c_1")))
        let faults = history.faults()
        #expect(faults.contains("seen.gap c_1 t_1 1-3"))
        #expect(faults.contains("acknowledged.unseen c_1 t_1 1-2"))
    }

    @Test func aLostEndIsFound() throws {
        var history = try SoundHistory()
        history.records.remove(at: try #require(try history.index(ofSeen: 8, by: "c_1")))
        #expect(history.faults() == ["acknowledged.unseen c_1 t_1 1-8"])
    }

    @Test func aClientThatLeftNeedNotHaveSeenTheEnd() throws {
        var history = try SoundHistory()
        history.records.remove(at: try #require(try history.index(ofSeen: 8, by: "c_1")))
        history.records.append(.left(client: "c_1"))
        #expect(history.faults() == [])
    }

    @Test(arguments: [true, false])
    func aDoubledEventIsFound(hasLog: Bool) throws {
        var history = try SoundHistory(hasLog: hasLog)
        let index = try #require(try history.index(ofSeen: 2, by: "c_1"))
        history.records.insert(history.records[index], at: index)
        #expect(history.faults() == ["seen.repeated c_1 t_1 1-2"])
    }

    /// The events of a thread as a log has them, and attempts to emit them with some changes.
    private static func reporting(
        _ steps: [Step],
        attempted change: (inout [EventDraft]) -> Void = { _ in }
    ) throws -> SoundHistory {
        var history = try SoundHistory()
        let events = steps.events(in: "t_3")
        var drafts = steps.map { EventDraft(runID: $0.run, agent: $0.agent, $0.payload) }
        change(&drafts)
        history.records.append(.attempted(HistoryAttempt(name: "u", thread: "t_3", user: "u_3", drafts: drafts)))
        history.records.append(.acknowledged(attempt: "u", thread: "t_3", ids: events.map(\.id)))
        for event in events { history.records.append(.logged(bytes: try EventEncoder.encode(event))) }
        return history
    }

    private static func report(_ count: Int64) -> Step {
        Step(.usageReported(UsageReported(inputTokens: count, outputTokens: 1)))
    }

    private static func ended(_ usage: TokenUsage?) -> Step {
        Step(.agentCompleted(AgentCompleted(usage: usage, durationMilliseconds: 1)))
    }

    private static let whole = TokenUsage(inputTokens: 30, outputTokens: 3, other: ["x": 1])

    private static func steps(_ end: TokenUsage?) -> [Step] {
        [
            .start, report(10), .child("r_2", of: "r_1"), report(20).of("r_2", agent: "finder"),
            report(0).of("r_2", agent: "finder"),
            ended(TokenUsage(inputTokens: 20, outputTokens: 2)).of("r_2", agent: "finder"), ended(end),
        ]
    }

    private static func withoutUsage(_ drafts: inout [EventDraft]) {
        for index in drafts.indices {
            guard case .agentCompleted(var completed) = drafts[index].payload else { continue }
            completed.usage = nil
            drafts[index].payload = .agentCompleted(completed)
        }
    }

    @Test func usageThatTheServiceAddsUpIsNoChange() throws {
        #expect(try Self.reporting(Self.steps(Self.whole), attempted: Self.withoutUsage).faults() == [])
    }

    @Test(arguments: [nil, TokenUsage(inputTokens: 29, outputTokens: 3), TokenUsage(inputTokens: 30, outputTokens: 2)])
    func usageThatIsLostIsFound(said: TokenUsage?) throws {
        let history = try Self.reporting(Self.steps(said), attempted: Self.withoutUsage)
        #expect(history.faults() == ["usage.lost t_3 1-7"])
    }

    /// The end of a run that says itself what was used is believed.
    @Test func usageThatAProducerSaysIsItsOwn() throws {
        #expect(try Self.reporting(Self.steps(TokenUsage(inputTokens: 1))).faults() == [])
    }

    @Test func swappedEventsAreFound() throws {
        var history = try SoundHistory()
        let index = try #require(try history.index(ofSeen: 2, by: "c_1"))
        history.records.swapAt(index, index + 1)
        #expect(
            history.faults() == ["seen.gap c_1 t_1 1-3", "seen.repeated c_1 t_1 1-2", "seen.gap c_1 t_1 1-4"])
    }

    @Test func anEventOfAThreadThatWasNotSubscribedIsFound() throws {
        var history = try SoundHistory()
        let index = try #require(try history.index(ofSeen: 2, by: "c_1"))
        history.records.insert(
            .seen(client: "c_1", bytes: try SoundHistory.bytes(SoundHistory.events.second[0])), at: index)
        #expect(history.faults() == ["seen.foreign_thread c_1 t_2 1-1"])
    }

    @Test func aClientOfAnotherUserIsFound() throws {
        var history = try SoundHistory()
        history.records.append(.subscribed(client: "c_4", user: "u_1", thread: "t_2", after: nil))
        for event in SoundHistory.events.second {
            history.records.append(.seen(client: "c_4", bytes: try SoundHistory.bytes(event)))
        }
        #expect(history.faults() == ["seen.foreign_user c_4 t_2 1-3"])
    }

    @Test(arguments: [true, false])
    func changedBytesAreFound(hasLog: Bool) throws {
        var history = try SoundHistory(hasLog: hasLog)
        let index = try #require(try history.index(ofSeen: 3, by: "c_3"))
        var bytes = try SoundHistory.bytes(SoundHistory.events.first[2])
        bytes.insert(0x20, at: 1)
        history.records[index] = .seen(client: "c_3", bytes: bytes)
        #expect(history.faults() == ["seen.changed c_3 t_1 1-3"])
    }

    @Test func bytesThatNobodySawRightAreFound() throws {
        var history = try SoundHistory()
        for client in ["c_1", "c_3"] {
            let index = try #require(try history.index(ofSeen: 3, by: client))
            var bytes = try SoundHistory.bytes(SoundHistory.events.first[2])
            bytes.insert(0x20, at: 1)
            history.records[index] = .seen(client: client, bytes: bytes)
        }
        #expect(history.faults() == ["seen.changed c_1 t_1 1-3", "seen.changed c_3 t_1 1-3"])
    }

    @Test(arguments: [true, false])
    func aMergedEventThatSaysSomethingElseIsFound(hasLog: Bool) throws {
        var history = try SoundHistory(hasLog: hasLog)
        let index = try #require(try history.index(ofSeen: 6, by: "c_3"))
        var merged = SoundHistory.merged
        merged.payload = Step.delta("m_1", "Hi  there").payload
        history.records[index] = .seen(client: "c_3", bytes: try SoundHistory.bytes(merged))
        #expect(history.faults() == ["seen.changed c_3 t_1 1-6"])
    }

    @Test func anEventThatTheLogLostIsFound() throws {
        var history = try SoundHistory()
        history.records.removeAll { record in
            guard case .logged(let bytes) = record else { return false }
            return bytes == (try? SoundHistory.bytes(SoundHistory.events.second[2]))
        }
        #expect(
            history.faults() == [
                "logged.partly t_2", "acknowledged.unlogged t_2 1-3", "seen.unlogged c_2 t_2 1-3",
                "run.unended t_2 1-2",
            ])
    }

    @Test func anEventThatWasLoggedTwiceIsFound() throws {
        var again = SoundHistory.events.first[7]
        again.id = EventID(generation: 1, sequence: 9)
        var history = try SoundHistory()
        history.records.append(.logged(bytes: try SoundHistory.bytes(again)))
        #expect(history.faults().contains("logged.repeated t_1 1-9"))
    }

    @Test func anEmissionThatIsThereInPartIsFound() throws {
        var history = try SoundHistory()
        let drafts = ["x", "y"].map { EventDraft(runID: "r_1", Step.think($0, "th_9").payload) }
        var there = Step.think("x", "th_9")
        there.sequence = 9
        let events = [there.of("r_1")].events()
        history.records.append(.attempted(HistoryAttempt(name: "two", thread: "t_1", drafts: drafts)))
        history.records.append(.logged(bytes: try SoundHistory.bytes(events[0])))
        #expect(history.faults().contains("logged.partly t_1"))
    }

    @Test func aRefusedEventThatIsThereIsFound() throws {
        var history = try SoundHistory()
        let index = try #require(
            history.records.firstIndex { if case .acknowledged("b1", _, _) = $0 { true } else { false } })
        history.records[index] = .refused(attempt: "b1")
        #expect(history.faults() == ["logged.unattempted t_1 1-2"])
    }

    @Test func anAcknowledgementOfSomethingElseIsFound() throws {
        var history = try SoundHistory()
        let index = try #require(
            history.records.firstIndex { if case .acknowledged("b1", _, _) = $0 { true } else { false } })
        history.records[index] = .acknowledged(attempt: "b1", thread: "t_1", ids: [SoundHistory.events.first[2].id])
        #expect(history.faults() == ["acknowledged.changed t_1 1-3", "acknowledged.repeated t_1 1-3"])
    }

    @Test func anAcknowledgementOfTooFewIsFound() throws {
        var history = try SoundHistory()
        let index = try #require(
            history.records.firstIndex { if case .acknowledged("all", _, _) = $0 { true } else { false } })
        history.records[index] = .acknowledged(
            attempt: "all", thread: "t_2", ids: SoundHistory.events.second.dropLast().map(\.id))
        #expect(history.faults() == ["acknowledged.changed t_2"])
    }

    @Test func anAcknowledgementOfAnEventThatIsNotThereIsFound() throws {
        var history = try SoundHistory()
        history.records.append(
            .acknowledged(attempt: nil, thread: "t_1", ids: [EventID(generation: 1, sequence: 9)]))
        let faults = history.faults()
        #expect(faults.contains("acknowledged.unlogged t_1 1-9"))
        #expect(faults.contains("acknowledged.unseen c_1 t_1 1-9"))
    }

    @Test func aClientThatResumesElsewhereIsFound() throws {
        var history = try SoundHistory()
        let index = try #require(try history.index(ofSeen: 6, by: "c_3"))
        history.records[index - 1] = .subscribed(client: "c_3", user: "u_1", thread: "t_1", after: EventID("1-3"))
        #expect(history.faults() == ["resume.moved c_3 t_1 1-3"])
    }

    @Test func aCursorOfALostGenerationThatIsLetInIsFound() throws {
        var history = try SoundHistory()
        history.records.append(.subscribed(client: "c_4", user: "u_1", thread: "t_1", after: EventID("9-8")))
        #expect(history.faults() == ["resume.diverged c_4 t_1 9-8"])
    }

    @Test(arguments: [true, false])
    func whatWasTrimmedBeforeAResetIsNotAskedFor(hasLog: Bool) throws {
        var history = try SoundHistory(hasLog: hasLog)
        let index = try #require(try history.index(ofSeen: 3, by: "c_1"))
        let reset = HistoryReset(.trimmed, oldest: EventID("1-5"))
        history.records.replaceSubrange(index...index + 1, with: [.reset(client: "c_1", thread: "t_1", reset)])
        #expect(history.faults() == [])
    }

    @Test(arguments: [true, false])
    func aLossRightBehindAResetIsFound(hasLog: Bool) throws {
        var history = try SoundHistory(hasLog: hasLog)
        let index = try #require(try history.index(ofSeen: 3, by: "c_1"))
        let reset = HistoryReset(.trimmed, oldest: EventID("1-4"))
        history.records.replaceSubrange(index...index + 1, with: [.reset(client: "c_1", thread: "t_1", reset)])
        #expect(history.faults() == ["seen.gap c_1 t_1 1-5", "acknowledged.unseen c_1 t_1 1-4"])
    }

    /// It had seen the whole thread; now it is to see it again, and the last part does not come.
    @Test func whatWasSeenBeforeAResetIsToBeSeenAgain() throws {
        for (kept, expected) in [
            (8, []), (6, ["acknowledged.unseen c_1 t_1 1-7", "acknowledged.unseen c_1 t_1 1-8"]),
        ] as [(Int, [String])] {
            for hasLog in [true, false] {
                var history = try SoundHistory(hasLog: hasLog)
                let reset = HistoryReset(.diverged, oldest: EventID("1-1"))
                history.records.append(.reset(client: "c_1", thread: "t_1", reset))
                history.records.append(.subscribed(client: "c_1", user: "u_1", thread: "t_1", after: nil))
                for event in SoundHistory.events.first.prefix(kept) {
                    history.records.append(.seen(client: "c_1", bytes: try SoundHistory.bytes(event)))
                }
                #expect(history.faults() == expected)
            }
        }
    }

    @Test func anEventThatALogLostBeforeAResetNeedNotBeThere() throws {
        var lost = SoundHistory.events.first[7]
        lost.id = EventID(generation: 1, sequence: 9)
        var history = try SoundHistory()
        history.records.append(.seen(client: "c_1", bytes: try SoundHistory.bytes(lost)))
        #expect(history.faults().contains("seen.unlogged c_1 t_1 1-9"))
        let reset = HistoryReset(.diverged, oldest: EventID("1-1"))
        history.records.append(.reset(client: "c_1", thread: "t_1", reset))
        for event in SoundHistory.events.first {
            history.records.append(.seen(client: "c_1", bytes: try SoundHistory.bytes(event)))
        }
        #expect(history.faults() == [])
    }

    @Test func aResetOfAThreadOfWhichNothingIsKeptLetsItBeginAnywhere() throws {
        var history = try SoundHistory()
        let index = try #require(try history.index(ofSeen: 3, by: "c_1"))
        let reset = HistoryReset(.trimmed, oldest: nil)
        history.records.replaceSubrange(index...index + 1, with: [.reset(client: "c_1", thread: "t_1", reset)])
        #expect(history.faults() == [])
    }

    @Test func acknowledgementsThatNobodyMadeAreFound() throws {
        var history = try SoundHistory()
        history.records.removeLast()
        history.records.append(
            .reported(client: "c_3", thread: "t_1", acknowledged: EventID("1-8"), sent: EventID("1-8")))
        #expect(history.faults() == ["ack.invented c_3 t_1 1-8"])
    }

    @Test func moreAcknowledgedThanSentIsFound() throws {
        var history = try SoundHistory()
        history.records.removeLast()
        history.records.append(
            .reported(client: "c_3", thread: "t_1", acknowledged: EventID("1-6"), sent: EventID("1-5")))
        #expect(history.faults() == ["ack.unsent c_3 t_1 1-6"])
    }

    @Test func anAcknowledgementOfTheUnseenIsFound() throws {
        var history = try SoundHistory()
        history.records.append(
            .acknowledgedByClient(client: "c_1", thread: "t_1", cursor: EventID(generation: 1, sequence: 9)))
        #expect(history.faults() == ["ack.unseen c_1 t_1 1-9"])
    }

    @Test func whatIsNoEventIsFound() throws {
        var history = try SoundHistory()
        history.records.append(.seen(client: "c_1", bytes: Array("{".utf8)))
        #expect(history.faults() == ["seen.malformed c_1"])
    }

    @Test func anIllFormedRunIsFoundWithAndWithoutTheLog() throws {
        let events = [Step.start, .callEnd(), .complete].events(in: "t_3")
        for hasLog in [true, false] {
            var history = try SoundHistory(hasLog: hasLog)
            history.records.append(.subscribed(client: "c_4", user: nil, thread: "t_3", after: nil))
            for event in events {
                let bytes = try SoundHistory.bytes(event)
                if hasLog { history.records.append(.logged(bytes: bytes)) }
                history.records.append(.seen(client: "c_4", bytes: bytes))
            }
            #expect(history.faults() == ["order.call_not_open t_3 1-2"])
        }
    }

    @Test func everyRuleHasATest() {
        // Kept by hand: a rule that is added here needs a test above.
        #expect(HistoryRule.allCases.count == 29)
    }

    @Test func theRecorderReportsAllFaultsAsOneIssue() throws {
        let recorder = HistoryRecorder()
        for record in try SoundHistory().records { recorder.record(record) }
        recorder.expectSound()
        recorder.record(.seen(client: "c_1", bytes: Array("{".utf8)))
        recorder.record(
            .acknowledgedByClient(client: "c_9", thread: "t_1", cursor: EventID(generation: 1, sequence: 9)))
        withKnownIssue {
            recorder.expectSound()
        } matching: { issue in
            let text = issue.comments.first?.rawValue ?? ""
            return text.hasPrefix("The history has faults:\n  record ")
                && text.contains(
                    ": ack.unseen: client c_9, thread t_1, event 1-9: it acknowledged what it had not seen")
        }
    }
}
