import AgentEvents
import Synchronization

/// A wall clock that stands still until a test moves it.
final class ManualTime: Sendable {
    private let milliseconds: Mutex<Int64>

    init(milliseconds: Int64 = 1_700_000_000_000) { self.milliseconds = Mutex(milliseconds) }

    var clock: WallClock { WallClock { Timestamp(milliseconds: self.milliseconds.withLock { $0 }) } }

    func advance(milliseconds: Int64) { self.milliseconds.withLock { $0 += milliseconds } }
}

/// Ids that count: r_1, c_2, m_3.
final class CountingIdentifiers: Sendable {
    private let count = Mutex(0)

    var source: IdentifierSource {
        IdentifierSource { prefix in
            let number = self.count.withLock { count in
                count += 1
                return count
            }
            guard let text = try? IdentifierText("\(prefix)_\(number)") else { preconditionFailure("a valid prefix") }
            return text
        }
    }
}
