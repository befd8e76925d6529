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

    private func isQueued(_ run: Int) -> Bool {
        let own = events(of: run)
        return own.first?.kind == .queue && !own.contains { $0.kind == .start || isEnd($0) }
    }

    /// Whether a call waits for an approval, and there is no sign that its body has begun.
    private func isUnbegun(_ call: Int, openedAt place: Int, in run: Int) -> Bool {
        let later = log[place...].map(\.event).filter { $0.run == run || $0.parent == run }
        let asks = later.filter { $0.run == run && $0.kind == .ask && $0.call == call }.map(\.item)
        let isBegun = later.contains { event in
            switch event.kind {
            case .callProgress: event.run == run && event.item == call
            case .start: event.parent == run && event.call == call
            case .answer: event.run == run && asks.contains(event.item)
            default: false
            }
        }
        return !isBegun && !asks.isEmpty
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
            switch event.kind {
            case .start: return brokenRuleOfStart(event)
            case .queue: return event.agent == nil ? .notStarted : nil
            default: return .notStarted
            }
        }
        if event.kind == .queue || event.kind == .start && !isQueued(run) { return .alreadyStarted }
        if isEnd(last) { return .alreadyEnded }
        if let agent = event.agent, agent != first.agent { return .agentMismatch }
        if isQueued(run) { return brokenRuleInQueue(event) }
        if event.kind == .callEnd {
            let tool = own.last { $0.kind == .call && $0.item == event.item }?.tool
            return isOpenCall(event.item, in: run) && tool == event.tool ? nil : .callNotOpen
        }
        if event.kind == .fail || event.kind == .cancel || event.kind == .usage { return nil }
        if event.kind == .callProgress { return isOpenCall(event.item, in: run) ? nil : .callNotOpen }
        if event.kind == .answer {
            return has(run, .ask, event.item) && !has(run, .answer, event.item) ? nil : .approvalNotOpen
        }
        if isPaused(run) { return event.kind == .resume ? nil : .paused }
        return brokenRuleOfWork(event, run, own)
    }

    private func brokenRuleInQueue(_ event: ModelEvent) -> OrderRule? {
        switch event.kind {
        case .cancel: return nil
        case .start where event.agent == nil: return .notStarted
        case .start: return event.parent == nil && event.call == nil ? nil : .parentNotOpen
        default: return .notStarted
        }
    }

    private func brokenRuleOfStart(_ event: ModelEvent) -> OrderRule? {
        if let parent = event.parent {
            if !isOpen(parent) || isQueued(parent) { return .parentNotOpen }
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
        case .queue, .start, .takeInput, .usage, .think, .progress, .callProgress, .callEnd, .answer, .pause, .fail,
            .cancel, .custom, .userMessage, .stateUpdate:
            return nil
        }
    }

    // MARK: The end of a run

    private mutating func close(_ run: Int, reason: String, at time: Int64) {
        let open = openings(in: run)
        // Before the end of the run adds answers of its own.
        let unbegun = open.filter {
            log[$0].event.kind == .call && isUnbegun(log[$0].event.item, openedAt: $0, in: run)
        }
        for place in open.reversed() {
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
                        error: unbegun.contains(place) ? .notStarted : .abandoned,
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
                payload = .approvalResolved(ApprovalResolved(approvalID: approval, decision: .cancelled))
            case .queue, .start, .takeInput, .usage, .think, .progress, .message, .callProgress, .callEnd, .answer,
                .pause, .resume, .complete, .fail, .cancel, .custom, .userMessage, .stateUpdate:
                guard let child = opening.run else { continue }
                close(child, reason: "parent run cancelled", at: time)
                (end.run, end.agent) = (child, opening.agent)
                payload = .agentCancelled(AgentCancelled(reason: reason, durationMilliseconds: duration))
            }
            log.append(Logged(event: end, closing: payload))
        }
    }
}
