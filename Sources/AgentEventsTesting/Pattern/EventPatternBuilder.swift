/// Makes one pattern of several that stand one below the other.
@resultBuilder
public enum EventPatternBuilder {
    public static func buildExpression(_ pattern: EventPattern) -> EventPattern { pattern }

    public static func buildBlock(_ patterns: EventPattern...) -> EventPattern { joined(patterns) }

    public static func buildOptional(_ pattern: EventPattern?) -> EventPattern { pattern ?? EventPattern(nodes: []) }

    public static func buildEither(first pattern: EventPattern) -> EventPattern { pattern }

    public static func buildEither(second pattern: EventPattern) -> EventPattern { pattern }

    public static func buildArray(_ patterns: [EventPattern]) -> EventPattern { joined(patterns) }

    private static func joined(_ patterns: [EventPattern]) -> EventPattern {
        EventPattern(nodes: patterns.flatMap(\.nodes))
    }
}
