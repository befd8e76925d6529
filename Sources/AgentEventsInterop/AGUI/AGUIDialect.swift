/// The versions of AG-UI, which a client tells by `protocolVersion` in what it sends.
package enum AGUIDialect: Hashable, Sendable {
    /// 1.0, and whatever is newer.
    case version1
    /// Before 1.0: it has no subagents, and its clients fail at an outcome that they do not know.
    case version0

    /// - Parameter protocolVersion: `nil` for a client that names none.
    init(protocolVersion: String?) {
        let major = protocolVersion.flatMap { Int($0.prefix { $0 != "." }) } ?? 0
        self = major >= 1 ? .version1 : .version0
    }
}
