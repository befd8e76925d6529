import Foundation

/// One line of the report.
enum BenchLine {
    static func text(_ name: String, _ figure: String, _ note: String) -> String {
        name.padding(toLength: 18, withPad: " ", startingAt: 0) + figure + "  (" + note + ")"
    }

    /// So many in a second, in thousands.
    static func rate(_ count: Int, _ seconds: Double) -> String {
        String(format: "%.0f k", Double(count) / seconds / 1000)
    }

    static func microseconds(_ seconds: Double) -> String { String(format: "%.2f us", seconds * 1_000_000) }

    static func ratio(_ one: Double, _ other: Double) -> String { String(format: "%.2f", one / other) }

    static func milliseconds(_ seconds: Double) -> String { String(format: "%.2f ms", seconds * 1000) }
}

extension Duration {
    var inSeconds: Double {
        let parts = components
        return Double(parts.seconds) + Double(parts.attoseconds) / 1e18
    }
}
