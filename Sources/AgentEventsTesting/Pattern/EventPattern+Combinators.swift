public import AgentEvents

// Patterns made of others.

extension EventPattern {
    /// A run of an agent: its start, and in the braces the rest of its events, with its end. For child runs, and for
    /// runs at the same time inside of ``anyOrder(_:)-swift.type.method``.
    ///
    /// - Parameters:
    ///   - agent: the agent; any when it is `nil`.
    ///   - input: JSON that the input has, and perhaps more.
    public static func run(
        agent: AgentName? = nil, input: JSONValue? = nil, @EventPatternBuilder _ body: () -> EventPattern
    ) -> EventPattern {
        EventPattern(.run(start: .agentStarted(agent, input, []), body().nodes))
    }

    /// These, one after the other: one of the parts of ``anyOrder(_:)-swift.type.method``.
    public static func sequence(@EventPatternBuilder _ body: () -> EventPattern) -> EventPattern {
        EventPattern(.sequence(body().nodes))
    }

    /// Each of these once, at the same time: in any order, and the events of one between those of the others.
    public static func anyOrder(@EventPatternBuilder _ body: () -> EventPattern) -> EventPattern {
        EventPattern(.anyOrder(body().nodes))
    }

    /// These, or nothing.
    public static func optional(@EventPatternBuilder _ body: () -> EventPattern) -> EventPattern {
        EventPattern(.optional(body().nodes))
    }

    /// These any number of times.
    public static func zeroOrMore(@EventPatternBuilder _ body: () -> EventPattern) -> EventPattern {
        EventPattern(.zeroOrMore(body().nodes))
    }

    /// These at least once.
    public static func oneOrMore(@EventPatternBuilder _ body: () -> EventPattern) -> EventPattern {
        EventPattern(.oneOrMore(body().nodes))
    }

    /// Any number of events up to, and without, the first that these can begin with.
    public static func anything(upTo pattern: EventPattern) -> EventPattern {
        EventPattern(.anythingUpTo(pattern.nodes))
    }

    /// Any number of any events.
    public static func anything() -> EventPattern {
        EventPattern(.anything)
    }
}
