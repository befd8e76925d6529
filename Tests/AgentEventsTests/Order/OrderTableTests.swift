import AgentEvents
import Testing

@Suite struct OrderTableTests {
    @Test func tableIsWholeAndUsesEveryRule() {
        #expect(Set(OrderTable.columns) == Set(OrderTable.states.keys))
        #expect(Set(OrderTable.rows) == Set(OrderTable.inputs.keys))
        #expect(OrderTable.rows.count == OrderTable.inputs.count)
        var used: Set<OrderRule> = []
        for row in OrderTable.rows {
            for column in OrderTable.columns {
                guard let cell = OrderTable.cell(row: row, column: column) else {
                    Issue.record("no cell \(row) \(column)")
                    continue
                }
                guard cell != "+" else { continue }
                guard let rule = OrderTable.rules[cell] else {
                    Issue.record("\(cell) in \(row) \(column) is no rule")
                    continue
                }
                used.insert(rule)
            }
        }
        #expect(used == Set(OrderRule.allCases))
    }

    @Test(arguments: OrderTable.columns)
    func everyInputDoesWhatTheTableSays(column: String) throws {
        let machine = try #require(OrderTable.machine(column: column))
        for row in OrderTable.rows {
            let input = try #require(OrderTable.inputs[row])
            let cell = try #require(OrderTable.cell(row: row, column: column))
            var changed = machine
            let action = changed.receive(input)
            #expect(action.rule == OrderTable.rules[cell], "\(row) in \(column)")
            guard let violation = action.violation else { continue }
            #expect(changed == machine, "\(row) in \(column) was rejected and changed the state")
            #expect(violation.runID == "r_1")
            #expect(violation.eventType == input.payload.typeName)
            #expect(!violation.problem.isEmpty && !violation.state.isEmpty)
        }
    }

    @Test(arguments: OrderTable.columns)
    func violationsNameTheTypesThatWouldBeAccepted(column: String) throws {
        let machine = try #require(OrderTable.machine(column: column))
        let accepted = Set(
            OrderTable.rows
                .filter { OrderTable.cell(row: $0, column: column) == "+" }
                .compactMap { OrderTable.inputs[$0]?.payload.typeName }
        )
        let expected = EventType.allCases.map(\.rawValue).filter(accepted.contains)
        for row in OrderTable.rows {
            let input = try #require(OrderTable.inputs[row])
            var changed = machine
            guard let violation = changed.receive(input).violation else { continue }
            #expect(violation.legal == expected, "\(row) in \(column)")
        }
    }

    @Test(arguments: OrderTable.columns)
    func stateChangesOnlyByEventsThatChangeIt(column: String) throws {
        let machine = try #require(OrderTable.machine(column: column))
        for row in ["progress", "custom", "input-taken"] {
            let input = try #require(OrderTable.inputs[row])
            var changed = machine
            _ = changed.receive(input)
            #expect(changed == machine, "\(row) in \(column)")
        }
        // The first progress of a call shows that it has begun; the next one shows nothing new.
        let progress = try #require(OrderTable.inputs["call-progress"])
        var begun = machine
        let isAccepted = begun.receive(progress).acceptance != nil
        #expect((begun != machine) == isAccepted, "call-progress in \(column)")
        var again = begun
        _ = again.receive(progress)
        #expect(again == begun, "call-progress twice in \(column)")
        for row in [
            "queue", "start", "call-new", "delta-new", "message-new", "ask-new", "usage", "pause", "resume", "fail",
        ] {
            let input = try #require(OrderTable.inputs[row])
            var changed = machine
            guard changed.receive(input).acceptance != nil else { continue }
            #expect(changed != machine, "\(row) in \(column)")
        }
    }

    @Test(
        arguments: [
            (EventPayload.userMessage, nil), (.stateUpdate, nil), (.custom, nil), (.unheardOf, .notStarted),
            (.queue, .notStarted), (.takeInput, .notStarted), (.usage, .notStarted),
            (.start(), .notStarted), (.think, .notStarted), (.progress, .notStarted), (.delta("m_1"), .notStarted),
            (.message("m_1"), .notStarted), (.call("c_1"), .notStarted), (.callProgress("c_1"), .notStarted),
            (.callEnd("c_1"), .notStarted), (.ask("a_1"), .notStarted), (.answer("a_1"), .notStarted),
            (.pause, .notStarted), (.resume, .notStarted), (.complete, .notStarted), (.fail, .notStarted),
            (.cancel, .notStarted),
        ] as [(EventPayload, OrderRule?)])
    func eventWithoutARunIsOneOfTheThread(payload: EventPayload, rule: OrderRule?) throws {
        for column in OrderTable.columns {
            let machine = try #require(OrderTable.machine(column: column))
            var changed = machine
            let action = changed.receive(nil, payload)
            #expect(action.rule == rule)
            #expect(changed == machine)
            if let acceptance = action.acceptance {
                #expect(acceptance.closing.isEmpty && acceptance.agent == nil)
            }
            if let violation = action.violation {
                #expect(violation.runID == nil)
                #expect(violation.legal == ["user_message", "state_updated", "custom"])
            }
            var named = machine
            #expect(named.receive(OrderInput(nil, agent: "guide", payload)).rule == rule ?? .agentMismatch)
            #expect(named == machine)
        }
    }
}
