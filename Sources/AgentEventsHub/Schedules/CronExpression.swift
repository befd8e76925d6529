import AgentEvents

/// The local times at which something happens again and again: five fields, as in the crontab of POSIX and of Vixie's cron.
///
///     minute 0-59   hour 0-23   day of the month 1-31   month 1-12 or JAN-DEC   day of the week 0-7 or SUN-SAT
///
/// A field is `*`, or a list of numbers and ranges (`1-5`), each with a step if wanted (`*/15`, `8-18/2`). Sunday is 0 and 7. When
/// both the day of the month and that of the week are restricted, a day counts that fits one of them. `@hourly`, `@daily`,
/// `@weekly`, `@monthly` and `@yearly` stand for the usual five fields.
package struct CronExpression: Hashable, Sendable {
    /// As it was written.
    package let text: String
    private let minutes: Numbers
    private let hours: Numbers
    private let days: Numbers
    private let months: Numbers
    private let weekdays: Numbers
    private let fitsEitherDay: Bool

    /// Numbers from 0 to 63.
    private struct Numbers: Hashable {
        var bits: UInt64 = 0

        func contains(_ number: Int64) -> Bool { bits >> UInt64(number) & 1 == 1 }
        mutating func insert(_ number: Int) { bits |= 1 << UInt64(number) }
    }

    private static let names = [
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    ]
    private static let monthNames = [
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ]
    private static let weekdayNames = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
    private static let maximumByteCount = 256

    /// What is wrong with an expression, and what would be right.
    package struct Fault: Error, Hashable, Sendable {
        package var message: String
    }

    package init(_ text: String) throws(Fault) {
        guard text.utf8.count <= Self.maximumByteCount else {
            throw Fault(message: "a cron expression has at most \(Self.maximumByteCount) bytes")
        }
        let whole = Self.names[text.lowercased()] ?? text
        let fields = whole.split(whereSeparator: { $0 == " " || $0 == "\t" })
        guard fields.count == 5 else {
            let known = Self.names.keys.sorted().joined(separator: ", ")
            throw Fault(
                message:
                    "a cron expression has five fields (minute, hour, day of the month, month, day of the week), this one has "
                    + "\(fields.count)" + (text.hasPrefix("@") ? "; of the names there are \(known)" : ""))
        }
        self.text = text
        minutes = try Self.values(fields[0], 0...59, "minute")
        hours = try Self.values(fields[1], 0...23, "hour")
        days = try Self.values(fields[2], 1...31, "day of the month")
        months = try Self.values(fields[3], 1...12, "month", names: Self.monthNames, first: 1)
        var found = try Self.values(fields[4], 0...7, "day of the week", names: Self.weekdayNames, first: 0)
        if found.contains(7) { found.insert(0) }
        weekdays = found
        fitsEitherDay = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
        guard next(after: 0, in: UTCOnly()) != nil else {
            throw Fault(message: "no month has such a day: \(text) would never come")
        }
    }

    private static func values(
        _ field: Substring,
        _ range: ClosedRange<Int>,
        _ name: String,
        names: [String] = [],
        first: Int = 0
    ) throws(Fault) -> Numbers {
        func fault(_ problem: String) -> Fault {
            Fault(
                message:
                    "the \(name) \(problem): it is *, or numbers from \(range.lowerBound) to \(range.upperBound) such as "
                    + "\(range.lowerBound + 1), \(range.lowerBound + 1)-\(range.lowerBound + 3) or */2, with commas between them"
            )
        }
        func number(_ text: Substring) throws(Fault) -> Int {
            if let place = names.firstIndex(of: text.uppercased()) { return place + first }
            guard let number = whole(text), range.contains(number) else { throw fault("has no number \(text)") }
            return number
        }
        var values = Numbers()
        for part in field.split(separator: ",", omittingEmptySubsequences: false) {
            let pieces = part.split(separator: "/", omittingEmptySubsequences: false)
            guard let bounds = pieces.first, !bounds.isEmpty, pieces.count <= 2 else {
                throw fault("has a part that is empty, or two steps")
            }
            var (low, high) = (range.lowerBound, range.upperBound)
            if bounds != "*" {
                let ends = bounds.split(separator: "-", omittingEmptySubsequences: false)
                guard let start = ends.first, ends.count <= 2 else {
                    throw fault("has a range of more than two numbers")
                }
                low = try number(start)
                // `5/15` is from 5 on, each fifteenth.
                high = ends.count == 2 ? try number(ends[1]) : pieces.count == 2 ? range.upperBound : low
            }
            guard low <= high else { throw fault("has the range \(bounds), which ends before it begins") }
            var step = 1
            if pieces.count == 2 {
                guard let given = whole(pieces[1]), given > 0 else { throw fault("has the step \(pieces[1])") }
                step = given
            }
            for value in stride(from: low, through: high, by: step) { values.insert(value) }
        }
        return values
    }

    /// A number of one or two digits, and nothing else.
    private static func whole(_ text: Substring) -> Int? {
        guard text.utf8.count <= 2, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int(text)
    }

    /// 0 for Sunday to 6 for Saturday.
    ///
    /// - Parameter day: counted from 1970-01-01, which was a Thursday.
    static func weekday(of day: Int64) -> Int64 { (day + 4).floored(by: 7).rest }

    private func fits(_ day: Int64) -> Bool {
        let (_, month, date) = Timestamp.date(day: day)
        guard months.contains(month) else { return false }
        let (fitsDate, fitsWeekday) = (days.contains(date), weekdays.contains(Self.weekday(of: day)))
        return fitsEitherDay ? fitsDate || fitsWeekday : fitsDate && fitsWeekday
    }

    /// The longest time between two occurrences of an expression that has any, in days: 29 February falls on each day of the week
    /// within 40 years, also where a century has no leap day.
    private static let longestPause: Int64 = 41 * 366

    /// The first time after another one. A local time that does not exist, because clocks are turned forward, counts as the first
    /// time after the gap; one that exists twice as the first of the two, and only as that.
    ///
    /// - Parameter second: in seconds since 1970 began in UTC, and so is what is returned.
    /// - Returns: `nil` when there is none.
    package func next(after second: Int64, in zone: any ZoneRules) -> Int64? {
        // What the clocks showed before was the first of its kind, or a repetition: neither is still to come.
        let local = (second + zone.offset(at: second)).floored(by: 60).quotient + 1
        var (firstDay, start) = local.floored(by: 1440)
        let lastDay = firstDay + Self.longestPause
        while firstDay <= lastDay {
            if fits(firstDay), let time = time(on: firstDay, from: start, after: second, zone) { return time }
            firstDay += 1
            start = 0
        }
        return nil
    }

    /// - Parameter start: the minute of the day from which on it is looked.
    private func time(on day: Int64, from start: Int64, after second: Int64, _ zone: any ZoneRules) -> Int64? {
        for hour in start / 60..<24 where hours.contains(hour) {
            for minute in (hour == start / 60 ? start % 60 : 0)..<60 where minutes.contains(minute) {
                let time = zone.second(atLocal: day * 86_400 + hour * 3600 + minute * 60)
                if time > second { return time }
            }
        }
        return nil
    }
}
