public import AgentEvents
import Synchronization

extension IdentifierSource {
    /// Ids that count, each kind on its own: `r_1`, `c_1`, `c_2`, `m_1`.
    ///
    /// A run that does one thing after the other has the same ids every time; tools that run in parallel take theirs in
    /// the order in which they come to start.
    public static func counting() -> IdentifierSource {
        let counts = CountedIdentifiers()
        return IdentifierSource { counts.next($0) }
    }
}

private final class CountedIdentifiers: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    func next(_ prefix: String) -> IdentifierText {
        let number = counts.withLock { counts in
            counts[prefix, default: 0] += 1
            return counts[prefix, default: 0]
        }
        return IdentifierText(unchecked: "\(prefix)_\(number)")
    }
}
