import AgentEvents
import Synchronization

/// The header `Date` of answers (RFC 9110, section 5.6.7), made once for each second.
final class HTTPDates: Sendable {
    private let environment: Environment
    private let last = Mutex((second: Int64.min, text: ""))

    init(_ environment: Environment) { self.environment = environment }

    func now() -> String {
        let second = environment.wallClock.now().milliseconds / 1000
        return last.withLock { last in
            if last.second != second { last = (second, Self.text(Timestamp(milliseconds: second * 1000))) }
            return last.text
        }
    }

    /// A time as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func text(_ time: Timestamp) -> String {
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        // 1970-01-01 was a Thursday. The clock of a machine may be wrong.
        let day = days[Int(((time.milliseconds / 86_400_000) % 7 + 7) % 7)]
        let parts = time.rfc3339.split { !$0.isNumber }
        let month = months[(Int(parts[1]) ?? 1) - 1]
        return "\(day), \(parts[2]) \(month) \(parts[0]) \(parts[3]):\(parts[4]):\(parts[5]) GMT"
    }
}
