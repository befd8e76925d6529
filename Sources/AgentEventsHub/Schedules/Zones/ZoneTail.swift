import AgentEvents

/// The rule of a zone for all years to come, as POSIX writes it in the variable `TZ`, with the extension of RFC 9636:
/// `CET-1CEST,M3.5.0,M10.5.0/3`, `<+1030>-10:30<+11>-11,M10.1.0,M4.1.0`.
struct ZoneTail: ZoneRules, Hashable {
    /// A day of each year, and a time of it.
    private struct Turn: Hashable {
        enum Day: Hashable {
            /// From 1 to 365; 29 February is not counted.
            case withoutLeapDay(Int64)
            /// From 0 to 365.
            case ofYear(Int64)
            /// The nth such day of the week of a month; 5 is the last one.
            case ofMonth(month: Int64, week: Int64, weekday: Int64)
        }

        var day: Day
        /// In seconds from its midnight; may be below zero, or beyond a day.
        var time: Int64

        /// The local time of the turn in a year, as seconds since the local 1970-01-01, 00:00.
        func local(in year: Int64) -> Int64 {
            let newYear = Timestamp.day(year: year, month: 1, date: 1)
            let found: Int64
            switch day {
            case .withoutLeapDay(let number):
                let isAfterLeapDay = number >= 60 && Timestamp.dayCount(year: year, month: 2) == 29
                found = newYear + number - (isAfterLeapDay ? 0 : 1)
            case .ofYear(let number):
                found = newYear + number
            case .ofMonth(let month, let week, let weekday):
                let first = Timestamp.day(year: year, month: month, date: 1)
                let date = (weekday - CronExpression.weekday(of: first) + 7) % 7 + (week - 1) * 7
                found = first + (date < Timestamp.dayCount(year: year, month: month) ? date : date - 7)
            }
            return found * 86_400 + time
        }
    }

    private var standard: Int64
    /// The offset in summer, and the turns to it and back; `nil` for a zone whose clocks are not turned.
    private var summer: Summer?

    private struct Summer: Hashable {
        var offset: Int64
        var begin: Turn
        var end: Turn
    }

    package func offset(at second: Int64) -> Int64 {
        guard let summer else { return standard }
        let year = Timestamp.date(day: (second + standard).floored(by: 86_400).quotient).year
        let begin = summer.begin.local(in: year) - standard
        let end = summer.end.local(in: year) - summer.offset
        // In the south summer is where the year ends and begins.
        let isSummer = begin < end ? begin <= second && second < end : second < end || begin <= second
        return isSummer ? summer.offset : standard
    }

    /// - Returns: `nil` for text that is no such rule.
    init?(_ text: String) {
        var reader = Reader(text: Array(text.utf8)[...])
        guard reader.name(), let standard = reader.offset() else { return nil }
        self.standard = standard
        guard !reader.isAtEnd else { return }
        guard reader.name() else { return nil }
        var offset = standard + 3600
        if reader.hasNumber {
            guard let given = reader.offset() else { return nil }
            offset = given
        }
        // A summer without its turns is that of the United States in POSIX, and stands in no file.
        guard let begin = reader.turn(), let end = reader.turn(), reader.isAtEnd else { return nil }
        summer = Summer(offset: offset, begin: begin, end: end)
    }

    private struct Reader {
        var text: ArraySlice<UInt8>

        var isAtEnd: Bool { text.isEmpty }
        var hasNumber: Bool {
            text.first.map { Self.isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") } ?? false
        }

        private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard text.first == UInt8(ascii: character) else { return false }
            text.removeFirst()
            return true
        }

        /// The name of the time, of which nothing is used.
        mutating func name() -> Bool {
            if take("<") {
                guard let end = text.firstIndex(of: UInt8(ascii: ">")) else { return false }
                text = text[(end + 1)...]
                return true
            }
            let letters = text.prefix { (65...90).contains($0 & ~0x20) }
            text = text[letters.endIndex...]
            return letters.count >= 3
        }

        /// The offset of a time: POSIX writes how far it is behind.
        mutating func offset() -> Int64? { time().map { -$0 } }

        mutating func number(upTo maximum: Int64) -> Int64? {
            let digits = text.prefix(while: Self.isDigit)
            guard !digits.isEmpty, digits.count <= 3 else { return nil }
            text = text[digits.endIndex...]
            let value = digits.reduce(0 as Int64) { $0 * 10 + Int64($1 - 48) }
            return value <= maximum ? value : nil
        }

        /// Hours, with minutes and seconds if there are any, as seconds.
        mutating func time() -> Int64? {
            let isNegative = take("-")
            if !isNegative { _ = take("+") }
            guard var seconds = number(upTo: 167) else { return nil }
            seconds *= 3600
            if take(":") {
                guard let minutes = number(upTo: 59) else { return nil }
                seconds += minutes * 60
                if take(":") {
                    guard let rest = number(upTo: 59) else { return nil }
                    seconds += rest
                }
            }
            return isNegative ? -seconds : seconds
        }

        mutating func turn() -> Turn? {
            guard take(","), let day = day() else { return nil }
            guard take("/") else { return Turn(day: day, time: 2 * 3600) }
            return time().map { Turn(day: day, time: $0) }
        }

        private mutating func day() -> Turn.Day? {
            if take("J") {
                return number(upTo: 365).flatMap { $0 > 0 ? .withoutLeapDay($0) : nil }
            }
            guard take("M") else { return number(upTo: 365).map { .ofYear($0) } }
            guard let month = number(upTo: 12), month > 0, take("."), let week = number(upTo: 5), week > 0, take("."),
                let weekday = number(upTo: 6)
            else { return nil }
            return .ofMonth(month: month, week: week, weekday: weekday)
        }
    }
}
