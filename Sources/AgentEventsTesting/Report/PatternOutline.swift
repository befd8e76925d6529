/// A pattern, or what remains of one, in lines.
struct PatternOutline {
    let matchers: [EventMatcher]

    func lines(of remainder: PatternRemainder) -> [String] {
        switch remainder {
        case .event(let matcher, _), .thought(let matcher, _): [matchers[matcher].description]
        case .furtherThought: []
        case .message(_, let completed, _): [matchers[completed].description]
        case .call(let start, let body, let end, _): call(start, body, end)
        case .run(let start, let body, _): ["\(matchers[start].description), in one run {"] + indented(body) + ["}"]
        case .sequence(let parts): parts.flatMap { lines(of: $0) }
        case .anyOrder(let parts): ["anyOrder {"] + parts.flatMap { indented($0) } + ["}"]
        case .optional(let part): block("optional", part)
        case .zeroOrMore(let part): block("zeroOrMore", part)
        case .oneOrMore(let part): block("oneOrMore", part)
        case .anythingUpTo(let part): ["anything(upTo: \(lines(of: part).joined(separator: " ")))"]
        case .anything: ["anything"]
        }
    }

    private func call(_ start: Int, _ body: PatternRemainder, _ end: Int) -> [String] {
        guard body != .nothing else { return [matchers[start].description, matchers[end].description] }
        return [matchers[start].description] + indented(body) + [matchers[end].description]
    }

    /// On one line where it is short.
    private func block(_ name: String, _ part: PatternRemainder) -> [String] {
        let inner = lines(of: part)
        return inner.count == 1 ? ["\(name) { \(inner[0]) }"] : ["\(name) {"] + inner.map { "  \($0)" } + ["}"]
    }

    private func indented(_ part: PatternRemainder) -> [String] { lines(of: part).map { "  \($0)" } }
}
