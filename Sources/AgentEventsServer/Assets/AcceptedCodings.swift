/// The codings of an answer that a client takes, by the header `Accept-Encoding` (RFC 9110, section 12.5.3).
struct AcceptedCodings: Sendable {
    private var accepted: Set<String> = []
    private var refused: Set<String> = []

    /// - Parameter values: those of the header; an element that is not well formed counts as not there.
    init(_ values: [String]) {
        for element in values.joined(separator: ",").split(separator: ",") {
            let parts = element.split(separator: ";").map { $0.filter { !$0.isWhitespace }.lowercased() }
            guard let name = parts.first, !name.isEmpty, parts.count <= 2 else { continue }
            guard let weight = parts.count == 1 ? 1 : Double(weight: parts[1]) else { continue }
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

extension Double {
    /// The weight of something that a client takes, such as `q=0.5` (RFC 9110, section 12.4.2).
    ///
    /// - Parameter parameter: `nil` comes of one that is not well formed.
    init?(weight parameter: String) {
        guard parameter.hasPrefix("q="), let weight = Double(parameter.dropFirst(2)), (0...1).contains(weight) else {
            return nil
        }
        self = weight
    }
}
