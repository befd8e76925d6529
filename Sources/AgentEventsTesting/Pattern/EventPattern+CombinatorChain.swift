public import AgentEvents

// Patterns made of others, after another one.

extension EventPattern {
    /// A run of an agent: its start, and in the braces the rest of its events, with its end. For child runs, and for
    /// runs at the same time inside of ``anyOrder(_:)-swift.type.method``.
    public func run(
        agent: AgentName? = nil, input: JSONValue? = nil, @EventPatternBuilder _ body: () -> EventPattern
    ) -> EventPattern {
        then(EventPattern(.run(start: .agentStarted(agent, input, []), body().nodes)))
    }

    /// These, one after the other: one of the parts of ``anyOrder(_:)-swift.type.method``.
    public func sequence(@EventPatternBuilder _ body: () -> EventPattern) -> EventPattern {
        then(EventPattern(.sequence(body().nodes)))
    }

    /// Each of these once, at the same time: in any order, and the events of one between those of the others.
    public func anyOrder(@EventPatternBuilder _ body: () -> EventPattern) -> EventPattern {
        then(EventPattern(.anyOrder(body().nodes)))
    }

    /// These, or nothing.
    public func optional(@EventPatternBuilder _ body: () -> EventPattern) -> EventPattern {
        then(EventPattern(.optional(body().nodes)))
    }

    /// These any number of times.
    public func zeroOrMore(@EventPatternBuilder _ body: () -> EventPattern) -> EventPattern {
        then(EventPattern(.zeroOrMore(body().nodes)))
    }

    /// These at least once.
    public func oneOrMore(@EventPatternBuilder _ body: () -> EventPattern) -> EventPattern {
        then(EventPattern(.oneOrMore(body().nodes)))
    }

    /// Any number of events up to, and without, the first that these can begin with.
    public func anything(upTo pattern: EventPattern) -> EventPattern {
        then(EventPattern(.anythingUpTo(pattern.nodes)))
    }

    /// Any number of any events.
    public func anything() -> EventPattern {
        then(EventPattern(.anything))
    }
}
