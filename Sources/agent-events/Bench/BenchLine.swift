import AgentEvents
import Foundation

/// The outcome of one measurement: a line for people, and numbers for programs.
package struct BenchReport: Sendable {
    let name: String
    let figure: String
    let note: String
    /// The measured values, by names that say the unit.
    let values: KeyValuePairs<String, Double>

    package init(_ name: String, _ figure: String, _ note: String, _ values: KeyValuePairs<String, Double>) {
        self.name = name
        self.figure = figure
        self.note = note
        self.values = values
    }

    package var text: String { name.padding(toLength: 18, withPad: " ", startingAt: 0) + figure + "  (" + note + ")" }

    /// One JSON object: `{"name":"emit","events_per_s":1200000.0}`.
    package var json: String {
        let members = values.map { "\"\($0.key)\":\($0.value)" }
        return "{\"name\":\"\(name)\",\(members.joined(separator: ","))}"
    }
}

/// Figures as people read them.
enum BenchLine {
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
