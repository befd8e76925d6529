/// A pattern that a sequence of events is expected to match: of one event, of several, or of any number.
///
/// Patterns are written one below the other, each with a leading dot, in the braces of `expectEvents` or of a pattern
/// that has others inside:
///
/// ```swift
/// expectEvents(in: sink, thread: "t_7") {
///     .agentStarted(agent: "guide")
///     .agentThinking(containing: "Which files")
///     .anyOrder {
///         .tool("search_files", arguments: ["query": "parser"])
///         .tool("read_file") { .toolProgress() }
///     }
///     .message(containing: "Sources/Parser.swift")
///     .agentCompleted()
/// }
/// ```
public struct EventPattern: Sendable {
    indirect enum Node: Sendable {
        case event(EventMatcher)
        /// A thought: one or more fragments of one id.
        case thought(EventMatcher)
        /// A message: any number of fragments and the completion, of one id.
        case message(fragment: EventMatcher, completed: EventMatcher)
        /// A tool call: its start, what lies in between, and its end.
        case call(start: EventMatcher, [Node], end: EventMatcher)
        /// A run: its start, and the rest of its events.
        case run(start: EventMatcher, [Node])
        case sequence([Node])
        /// All of them, the events of one between those of the others in whatever way.
        case anyOrder([Node])
        case optional([Node])
        case zeroOrMore([Node])
        case oneOrMore([Node])
        /// Events that do not begin these.
        case anythingUpTo([Node])
        case anything
    }

    /// One after the other.
    let nodes: [Node]

    /// No event at all.
    public static let nothing = EventPattern(nodes: [])

    init(_ nodes: Node...) { self.nodes = nodes }

    init(nodes: [Node]) { self.nodes = nodes }

    init(_ matcher: EventMatcher) { nodes = [.event(matcher)] }

    /// This, then the other.
    public func then(_ other: EventPattern) -> EventPattern { EventPattern(nodes: nodes + other.nodes) }
}
