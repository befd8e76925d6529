import Synchronization

/// Collects what known issues say.
final class Reports: Sendable {
    private let collected = Mutex<[String]>([])

    var texts: [String] { collected.withLock { $0 } }

    func add(_ text: String) { collected.withLock { $0.append(text) } }
}
