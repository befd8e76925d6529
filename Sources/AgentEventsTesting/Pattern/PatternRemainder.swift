import AgentEvents

/// The part of a pattern that is still to come after some events: a value that can be compared, with its matchers by
/// their numbers.
///
/// Taking an event from it gives what may come then: several answers where a pattern can be read in several ways. This
/// is how regular expressions are matched by derivatives; `anyOrder` is their shuffle.
indirect enum PatternRemainder: Hashable, Sendable {
    case event(Int, PatternScope)
    case thought(Int, PatternScope)
    /// Further fragments of a thought that has begun, if there are any.
    case furtherThought(Int, PatternScope)
    case message(fragment: Int, completed: Int, PatternScope)
    case call(start: Int, PatternRemainder, end: Int, PatternScope)
    case run(start: Int, PatternRemainder, PatternScope)
    /// Nothing when it is empty.
    case sequence([PatternRemainder])
    case anyOrder([PatternRemainder])
    case optional(PatternRemainder)
    case zeroOrMore(PatternRemainder)
    case oneOrMore(PatternRemainder)
    case anythingUpTo(PatternRemainder)
    case anything

    static let nothing = PatternRemainder.sequence([])

    /// One after the other.
    static func joined(_ parts: [PatternRemainder]) -> PatternRemainder {
        var flat: [PatternRemainder] = []
        for part in parts {
            if case .sequence(let inner) = part { flat += inner } else { flat.append(part) }
        }
        return flat.count == 1 ? flat[0] : .sequence(flat)
    }

    /// At the same time.
    static func mixed(_ parts: [PatternRemainder]) -> PatternRemainder {
        let rest = parts.filter { $0 != nothing }
        return switch rest.count {
        case 0: nothing
        case 1: rest[0]
        default: .anyOrder(rest)
        }
    }

    /// Whether nothing more needs to come.
    var mayEnd: Bool {
        switch self {
        case .event, .thought, .message, .call, .run: false
        case .sequence(let parts), .anyOrder(let parts): parts.allSatisfy(\.mayEnd)
        case .furtherThought, .optional, .zeroOrMore, .anythingUpTo, .anything: true
        case .oneOrMore(let part): part.mayEnd
        }
    }

    /// The same, of a run or a call that is known now.
    func bound(to scope: PatternScope) -> PatternRemainder {
        switch self {
        case .event(let matcher, let own):
            .event(matcher, own.or(scope))
        case .thought(let matcher, let own):
            .thought(matcher, own.or(PatternScope(run: scope.run)))
        case .furtherThought: self
        case .message(let fragment, let completed, let own):
            .message(fragment: fragment, completed: completed, own.or(PatternScope(run: scope.run)))
        case .call(let start, let body, let end, let own):
            .call(
                start: start, body.bound(to: PatternScope(run: scope.run)), end: end,
                own.or(PatternScope(run: scope.run)))
        case .run(let start, let body, let own):
            // A run inside of another is one of its own; inside of a call it is started by the call.
            .run(start: start, body, own.or(PatternScope(call: scope.call)))
        case .sequence(let parts): .sequence(parts.map { $0.bound(to: scope) })
        case .anyOrder(let parts): .anyOrder(parts.map { $0.bound(to: scope) })
        case .optional(let part): .optional(part.bound(to: scope))
        case .zeroOrMore(let part): .zeroOrMore(part.bound(to: scope))
        case .oneOrMore(let part): .oneOrMore(part.bound(to: scope))
        case .anythingUpTo(let part): .anythingUpTo(part.bound(to: scope))
        case .anything: .anything
        }
    }
}
