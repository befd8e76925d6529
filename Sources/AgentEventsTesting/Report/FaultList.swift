/// A list of faults for people, cut where nobody reads on.
enum FaultList {
    private static let maximumCount = 20

    static func text(_ title: String, _ faults: [String]) -> String {
        var lines = ["\(title):"]
        lines += faults.prefix(maximumCount).map { "  \($0)" }
        if faults.count > maximumCount { lines.append("  … and \(faults.count - maximumCount) more") }
        return lines.joined(separator: "\n")
    }
}
