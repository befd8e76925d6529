import Synchronization

/// The origins whose web pages may use a hub, as they are written: `https://chat.example.com`, or `https://*.example.com` for all
/// below that name. They can be replaced while requests are looked at.
package final class AllowedOrigins: Sendable {
    private struct List {
        let isEmpty: Bool
        let exact: Set<String>
        let patterns: [OriginPattern]

        init(_ origins: Set<String>) {
            isEmpty = origins.isEmpty
            patterns = origins.compactMap { OriginPattern($0) }
            exact = origins.filter { !$0.contains("*") }
        }
    }

    private let list: Mutex<List>

    package init(_ origins: Set<String>) { list = Mutex(List(origins)) }

    package func replace(by origins: Set<String>) {
        let new = List(origins)
        list.withLock { $0 = new }
    }

    package var isEmpty: Bool { list.withLock { $0.isEmpty } }

    package func contains(_ origin: String) -> Bool {
        list.withLock { list in list.exact.contains(origin) || list.patterns.contains { $0.matches(origin) } }
    }
}
