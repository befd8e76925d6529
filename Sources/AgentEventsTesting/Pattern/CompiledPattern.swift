import AgentEvents

/// A pattern with its matchers numbered, ready to take events.
struct CompiledPattern: Sendable {
    /// The remainder after an event, and the matcher that took it; `nil` for an event that was skipped.
    struct Step: Hashable, Sendable {
        var remainder: PatternRemainder
        var matcher: Int?
    }

    private(set) var matchers: [EventMatcher] = []
    private(set) var whole = PatternRemainder.nothing

    init(_ pattern: EventPattern) { whole = compile(pattern.nodes) }

    private mutating func compile(_ nodes: [EventPattern.Node]) -> PatternRemainder {
        .joined(nodes.map { compile($0) })
    }

    private mutating func compile(_ node: EventPattern.Node) -> PatternRemainder {
        switch node {
        case .event(let matcher): .event(add(matcher), PatternScope())
        case .thought(let matcher): .thought(add(matcher), PatternScope())
        case .message(let fragment, let completed):
            .message(fragment: add(fragment), completed: add(completed), PatternScope())
        case .call(let start, let body, let end):
            .call(start: add(start), compile(body), end: add(end), PatternScope())
        case .run(let start, let body): .run(start: add(start), compile(body), PatternScope())
        case .sequence(let nodes): compile(nodes)
        case .anyOrder(let nodes): .mixed(nodes.map { compile($0) })
        case .optional(let nodes): .optional(compile(nodes))
        case .zeroOrMore(let nodes): .zeroOrMore(compile(nodes))
        case .oneOrMore(let nodes): .oneOrMore(compile(nodes))
        case .anythingUpTo(let nodes): .anythingUpTo(compile(nodes))
        case .anything: .anything
        }
    }

    /// Matchers that match the same have one number, so that patterns that are the same are found to be.
    private mutating func add(_ matcher: EventMatcher) -> Int {
        let same = matchers.firstIndex {
            $0.isTold && matcher.isTold && $0.type == matcher.type && $0.description == matcher.description
        }
        if let same { return same }
        matchers.append(matcher)
        return matchers.count - 1
    }

    // MARK: Taking an event

    /// The possible remainders when an event is taken; none when it cannot be.
    func taking(_ event: AgentEvent, from remainder: PatternRemainder, _ context: EventContext) -> [Step] {
        switch remainder {
        case .event(let matcher, let scope):
            return matches(matcher, scope, event, context) ? [Step(remainder: .nothing, matcher: matcher)] : []
        case .thought(let matcher, let scope):
            guard matches(matcher, scope, event, context) else { return [] }
            let further = scope.or(PatternScope(run: event.runID, thought: event.payload.thought))
            return [Step(remainder: .furtherThought(matcher, further), matcher: matcher)]
        case .furtherThought(let matcher, let scope):
            guard matches(matcher, scope, event, context) else { return [] }
            return [Step(remainder: remainder, matcher: matcher)]
        case .message(let fragment, let completed, let scope):
            return takingMessage(event, fragment, completed, scope, context)
        case .call(let start, let body, let end, let scope):
            guard matches(start, scope, event, context) else { return [] }
            let call = PatternScope(run: event.runID, call: event.payload.call)
            let rest = PatternRemainder.joined([body.bound(to: call), .event(end, scope.or(call))])
            return [Step(remainder: rest, matcher: start)]
        case .run(let start, let body, let scope):
            guard matches(start, scope, event, context) else { return [] }
            return [Step(remainder: body.bound(to: PatternScope(run: event.runID)), matcher: start)]
        case .sequence(let parts):
            return takingFromSequence(event, parts[...], context)
        case .anyOrder(let parts):
            return takingFromAnyOrder(event, parts, context)
        case .optional(let part):
            return taking(event, from: part, context)
        case .zeroOrMore(let part), .oneOrMore(let part):
            return taking(event, from: part, context).map {
                Step(remainder: .joined([$0.remainder, .zeroOrMore(part)]), matcher: $0.matcher)
            }
        case .anythingUpTo(let part):
            guard taking(event, from: part, context).isEmpty else { return [] }
            return [Step(remainder: remainder, matcher: nil)]
        case .anything:
            return [Step(remainder: .anything, matcher: nil)]
        }
    }

    func matches(_ matcher: Int, _ scope: PatternScope, _ event: AgentEvent, _ context: EventContext) -> Bool {
        scope.admits(event) && matchers[matcher].matches(event, in: context)
    }

    private func takingMessage(
        _ event: AgentEvent,
        _ fragment: Int,
        _ completed: Int,
        _ scope: PatternScope,
        _ context: EventContext
    ) -> [Step] {
        if matches(completed, scope, event, context) { return [Step(remainder: .nothing, matcher: completed)] }
        guard matches(fragment, scope, event, context) else { return [] }
        let message = scope.or(PatternScope(run: event.runID, message: event.payload.message))
        let rest = PatternRemainder.message(fragment: fragment, completed: completed, message)
        return [Step(remainder: rest, matcher: fragment)]
    }

    private func takingFromSequence(
        _ event: AgentEvent,
        _ parts: ArraySlice<PatternRemainder>,
        _ context: EventContext
    ) -> [Step] {
        guard let first = parts.first else { return [] }
        let rest = parts.dropFirst()
        var steps = taking(event, from: first, context).map {
            Step(remainder: .joined([$0.remainder] + rest), matcher: $0.matcher)
        }
        if first.mayEnd { steps += takingFromSequence(event, rest, context) }
        return steps
    }

    private func takingFromAnyOrder(
        _ event: AgentEvent,
        _ parts: [PatternRemainder],
        _ context: EventContext
    ) -> [Step] {
        // Of parts that are the same, one is enough: which of them it is makes no difference.
        let different = parts.indices.filter { !parts[..<$0].contains(parts[$0]) }
        return different.flatMap { index in
            taking(event, from: parts[index], context).map { step in
                var others = parts
                others[index] = step.remainder
                return Step(remainder: .mixed(others), matcher: step.matcher)
            }
        }
    }

    // MARK: What is expected

    /// The matchers that may take the next event, each once, with what they are bound to.
    func expected(by remainder: PatternRemainder) -> [(matcher: Int, scope: PatternScope)] {
        switch remainder {
        case .event(let matcher, let scope), .thought(let matcher, let scope): [(matcher, scope)]
        case .message(_, let completed, let scope): [(completed, scope)]
        case .call(let start, _, _, let scope), .run(let start, _, let scope): [(start, scope)]
        case .sequence(let parts):
            parts.prefix { $0.mayEnd }.flatMap { expected(by: $0) }
                + (parts.first { !$0.mayEnd }.map { expected(by: $0) } ?? [])
        case .anyOrder(let parts): parts.flatMap { expected(by: $0) }
        case .optional(let part), .zeroOrMore(let part), .oneOrMore(let part): expected(by: part)
        case .furtherThought, .anythingUpTo, .anything: []
        }
    }
}
