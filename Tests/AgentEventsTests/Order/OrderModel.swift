import AgentEvents

/// The reference model: it keeps nothing but the list of accepted events, and reads that list anew for every question.
struct OrderModel {
    /// An accepted event, or one that closes something because its run ends.
    struct Logged: Equatable {
        var event: ModelEvent
        /// Set for the events that the end of a run adds.
        var closing: EventPayload?
    }

    var policy: OrderPolicy
    var maximumLength: Int
    private(set) var log: [Logged] = []

    init(policy: OrderPolicy, maximumLength: Int) {
        self.policy = policy
        self.maximumLength = maximumLength
    }

    /// Logs an event if the rules allow it.
    ///
    /// - Returns: the rule that it breaks; `nil` when it is logged.
    mutating func receive(_ event: ModelEvent) -> OrderRule? {
        if let rule = brokenRule(event) { return rule }
        if event.kind == .fail || event.kind == .cancel, let run = event.run {
            close(run, reason: event.kind == .fail ? "parent run failed" : "parent run cancelled", at: event.time)
        }
        log.append(Logged(event: event))
        return nil
    }

    /// The agent of the run that an event names.
    func agent(of event: ModelEvent) -> Int? { event.run.flatMap { events(of: $0).first?.agent } }

    // MARK: What the log says

    private func events(of run: Int) -> [ModelEvent] { log.filter { $0.event.run == run }.map(\.event) }

    private func isEnd(_ event: ModelEvent) -> Bool {
        event.kind == .complete || event.kind == .fail || event.kind == .cancel
    }

    private func isOpen(_ run: Int) -> Bool {
        guard let last = events(of: run).last else { return false }
        return !isEnd(last)
    }

    private func isPaused(_ run: Int) -> Bool {
        events(of: run).last { $0.kind == .pause || $0.kind == .resume }?.kind == .pause
    }

    /// The places in the log at which something was opened in the run that is open still.
    private func openings(in run: Int) -> [Int] {
        log.indices.filter { place in
            let event = log[place].event
            if event.kind == .start { return event.parent == run && event.run.map(isOpen) == true }
            guard event.run == run else { return false }
            if event.kind == .call { return place == opening(ofCall: event.item, in: run) }
            let before = log[..<place].contains {
                $0.event.run == run && $0.event.kind == event.kind && $0.event.item == event.item
            }
            guard !before, let end = Self.ends[event.kind] else { return false }
            return !log.contains { $0.event.run == run && $0.event.kind == end && $0.event.item == event.item }
        }
    }

    private static let ends: [ModelEvent.Kind: ModelEvent.Kind] = [.delta: .message, .ask: .answer]

    private func has(_ run: Int, _ kind: ModelEvent.Kind, _ item: Int) -> Bool {
        log.contains { $0.event.run == run && $0.event.kind == kind && $0.event.item == item }
    }

    private func isOpenCall(_ call: Int, in run: Int) -> Bool { opening(ofCall: call, in: run) != nil }

    /// Where a call was opened that is open; its id may have been used before.
    private func opening(ofCall call: Int, in run: Int) -> Int? {
        let last = log.lastIndex {
            $0.event.run == run && ($0.event.kind == .call || $0.event.kind == .callEnd) && $0.event.item == call
        }
        guard let last, log[last].event.kind == .call else { return nil }
        return last
    }

    private func text(of message: Int, in run: Int) -> String {
        log.filter { $0.event.run == run && $0.event.kind == .delta && $0.event.item == message }
            .map(\.event.fragment).joined()
    }

    // MARK: The rules

    private func brokenRule(_ event: ModelEvent) -> OrderRule? {
        let isOfThread = event.kind == .userMessage || event.kind == .stateUpdate
        guard let run = event.run else {
            guard isOfThread || event.kind == .custom else { return .notStarted }
            return event.agent == nil ? nil : .agentMismatch
        }
        if isOfThread { return .notStarted }
        let own = events(of: run)
        guard let first = own.first, let last = own.last else {
            return event.kind == .start ? brokenRuleOfStart(event) : .notStarted
        }
        if event.kind == .start { return .alreadyStarted }
        if isEnd(last) { return .alreadyEnded }
        if let agent = event.agent, agent != first.agent { return .agentMismatch }
        if event.kind == .callEnd {
            let tool = own.last { $0.kind == .call && $0.item == event.item }?.tool
            return isOpenCall(event.item, in: run) && tool == event.tool ? nil : .callNotOpen
        }
        if event.kind == .fail || event.kind == .cancel { return nil }
        if event.kind == .answer {
            return has(run, .ask, event.item) && !has(run, .answer, event.item) ? nil : .approvalNotOpen
        }
        if isPaused(run) { return event.kind == .resume ? nil : .paused }
        return brokenRuleOfWork(event, run, own)
    }

    private func brokenRuleOfStart(_ event: ModelEvent) -> OrderRule? {
        if let parent = event.parent {
            if !isOpen(parent) { return .parentNotOpen }
            if isPaused(parent) { return .paused }
            if let call = event.call, !isOpenCall(call, in: parent) { return .callNotOpen }
        } else if event.call != nil {
            return .parentNotOpen
        }
        return event.agent == nil ? .notStarted : nil
    }

    private func brokenRuleOfWork(_ event: ModelEvent, _ run: Int, _ own: [ModelEvent]) -> OrderRule? {
        let hasThought = own.contains { $0.kind == .think }
        switch event.kind {
        case .delta:
            if has(run, .message, event.item) { return .messageClosed }
            return text(of: event.item, in: run).count + event.length > maximumLength ? .messageTooLong : nil
        case .message:
            return has(run, .message, event.item) ? .messageClosed : nil
        case .call:
            if isOpenCall(event.item, in: run) { return .callReused }
            return policy == .canonical && !hasThought ? .notCanonical : nil
        case .callProgress:
            return isOpenCall(event.item, in: run) ? nil : .callNotOpen
        case .ask:
            if has(run, .ask, event.item) { return .approvalReused }
            if let call = event.call, !isOpenCall(call, in: run) { return .callNotOpen }
            return nil
        case .resume:
            return .notPaused
        case .complete:
            if !openings(in: run).isEmpty { return .workOpen }
            let isWhole = hasThought && own.contains { $0.kind == .callEnd }
            return policy == .canonical && !isWhole ? .notCanonical : nil
        case .start, .think, .progress, .callEnd, .answer, .pause, .fail, .cancel, .custom, .userMessage, .stateUpdate:
            return nil
        }
    }

    // MARK: The end of a run

    private mutating func close(_ run: Int, reason: String, at time: Int64) {
        for place in openings(in: run).reversed() {
            let opening = log[place].event
            let duration = time - opening.time
            var end = ModelEvent(kind: .cancel, run: run, item: opening.item, tool: opening.tool, time: time)
            end.agent = events(of: run).first?.agent
            let payload: EventPayload
            switch opening.kind {
            case .call:
                end.kind = .callEnd
                payload = .toolCompleted(
                    ToolCompleted(
                        callID: ModelEvent.calls[opening.item],
                        tool: ModelEvent.tools[opening.tool],
                        status: .cancelled,
                        durationMilliseconds: duration
                    )
                )
            case .delta:
                end.kind = .message
                let text = text(of: opening.item, in: run)
                payload = .messageCompleted(MessageCompleted(messageID: ModelEvent.messages[opening.item], text: text))
            case .ask:
                end.kind = .answer
                let approval = ModelEvent.approvals[opening.item]
                payload = .approvalResolved(ApprovalResolved(approvalID: approval, decision: .expired))
            case .start, .think, .progress, .message, .callProgress, .callEnd, .answer, .pause, .resume, .complete,
                .fail, .cancel, .custom, .userMessage, .stateUpdate:
                guard let child = opening.run else { continue }
                close(child, reason: "parent run cancelled", at: time)
                (end.run, end.agent) = (child, opening.agent)
                payload = .agentCancelled(AgentCancelled(reason: reason, durationMilliseconds: duration))
            }
            log.append(Logged(event: end, closing: payload))
        }
    }
}
