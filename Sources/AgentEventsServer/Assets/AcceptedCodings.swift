/// The codings of an answer that a client takes, by the header `Accept-Encoding` (RFC 9110, section 12.5.3).
struct AcceptedCodings: Sendable {
    private var accepted: Set<String> = []
    private var refused: Set<String> = []

    /// - Parameter values: those of the header; an element that is not well formed counts as not there.
    init(_ values: [String]) {
        for element in values.joined(separator: ",").split(separator: ",") {
            let parts = element.split(separator: ";").map { $0.filter { !$0.isWhitespace }.lowercased() }
            guard let name = parts.first, !name.isEmpty, parts.count <= 2 else { continue }
            let weight = parts.count == 1 ? 1 : parts[1].hasPrefix("q=") ? Double(parts[1].dropFirst(2)) : nil
            guard let weight, (0...1).contains(weight) else { continue }
            if weight > 0 { accepted.insert(name) } else { refused.insert(name) }
        }
    }

    func contains(_ coding: ContentCoding) -> Bool {
        switch coding {
        case .identity: true
        case .gzip: contains(["gzip", "x-gzip"])
        case .deflate: contains(["deflate"])
        }
    }

    private func contains(_ names: Set<String>) -> Bool {
        guard refused.isDisjoint(with: names) else { return false }
        return !accepted.isDisjoint(with: names) || accepted.contains("*")
    }
}
