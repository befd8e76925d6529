/// A point in time in UTC, in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// On the wire it is RFC 3339 with three fractional digits and `Z`: `2026-11-21T02:10:00.123Z`.
public struct Timestamp: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public var milliseconds: Int64

    /// - Parameter milliseconds: milliseconds since 1970-01-01T00:00:00Z.
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    public static func < (one: Self, other: Self) -> Bool { one.milliseconds < other.milliseconds }

    /// The time from an earlier point to this one, in milliseconds; 0 when that point is not earlier.
    public func milliseconds(since earlier: Timestamp) -> Int64 { max(0, milliseconds - earlier.milliseconds) }
}

extension Timestamp {
    /// The times that RFC 3339 can write: the years 0000 to 9999.
    package static var writable: ClosedRange<Timestamp> {
        Timestamp(milliseconds: -62_167_219_200_000)...Timestamp(milliseconds: 253_402_300_799_999)
    }

    /// Reads RFC 3339 with any offset and any number of fractional digits; what is finer than a millisecond is cut off.
    /// A leap second (`23:59:60Z`) is read as the last millisecond before it.
    ///
    /// - Returns: `nil` when the text is not RFC 3339, is not a date of the calendar, or lies outside the years 0000 to
    ///   9999 of UTC.
    public init?(rfc3339: String) {
        var text = rfc3339
        guard let milliseconds = text.withUTF8(Self.milliseconds) else { return nil }
        self.init(milliseconds: milliseconds)
        guard Self.writable.contains(self) else { return nil }
    }

    /// The time as it stands on the wire: `2026-11-21T02:10:00.123Z`. A year outside 0000 to 9999, which RFC 3339
    /// cannot write, has a sign or more digits.
    public var rfc3339: String {
        var writer = JSONWriter(capacity: 24)
        write(into: &writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Appends the time as it stands on the wire, without quotation marks.
    package func write(into writer: inout JSONWriter) {
        let (day, millisecond) = Self.divide(milliseconds, by: 86_400_000)
        let (year, month, date) = Self.date(day: day)
        guard year >= 0, year <= 9999 else {
            writer.integer(year)
            return withTemplate { text in
                Self.fill(text, month: month, date: date, millisecond: millisecond)
                writer.raw(UnsafeRawBufferPointer(rebasing: text[4...]))
            }
        }
        withTemplate { text in
            Self.put(year / 100, at: 0, in: text)
            Self.put(year % 100, at: 2, in: text)
            Self.fill(text, month: month, date: date, millisecond: millisecond)
            writer.raw(UnsafeRawBufferPointer(text))
        }
    }

    private func withTemplate(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
        withUnsafeTemporaryAllocation(byteCount: 24, alignment: 8) { text in
            let template: StaticString = "0000-00-00T00:00:00.000Z"
            text.copyMemory(from: UnsafeRawBufferPointer(start: template.utf8Start, count: 24))
            body(text)
        }
    }

    private static func fill(
        _ text: UnsafeMutableRawBufferPointer, month: Int64, date: Int64, millisecond: Int64
    ) {
        let second = millisecond / 1000
        put(month, at: 5, in: text)
        put(date, at: 8, in: text)
        put(second / 3600, at: 11, in: text)
        put(second / 60 % 60, at: 14, in: text)
        put(second % 60, at: 17, in: text)
        put(millisecond % 1000 / 10, at: 20, in: text)
        text[22] = ASCII.zero &+ UInt8(truncatingIfNeeded: millisecond % 10)
    }

    private static func put(_ twoDigits: Int64, at index: Int, in text: UnsafeMutableRawBufferPointer) {
        text[index] = ASCII.zero &+ UInt8(truncatingIfNeeded: twoDigits / 10)
        text[index + 1] = ASCII.zero &+ UInt8(truncatingIfNeeded: twoDigits % 10)
    }

    // MARK: The calendar

    private static func divide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    /// The date of a day counted from 1970-01-01, in the Gregorian calendar. Years are counted from March here, so that
    /// the leap day is the last of its year.
    package static func date(day: Int64) -> (year: Int64, month: Int64, date: Int64) {
        let (era, dayOfEra) = divide(day + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let date = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, date)
    }

    /// The day of a date, counted from 1970-01-01.
    package static func day(year: Int64, month: Int64, date: Int64) -> Int64 {
        let (era, yearOfEra) = divide(month <= 2 ? year - 1 : year, by: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + date - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The number of days of a month.
    package static func dayCount(year: Int64, month: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    // MARK: Reading

    private static func milliseconds(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        guard text.count >= 20, text[4] == ASCII.minus, text[7] == ASCII.minus,
            text[10] | 0x20 == UInt8(ascii: "t"), text[13] == ASCII.colon, text[16] == ASCII.colon,
            let century = number(text, at: 0, to: 99), let yearOfCentury = number(text, at: 2, to: 99),
            let month = number(text, at: 5, to: 12), month >= 1,
            let date = number(text, at: 8, to: dayCount(year: century * 100 + yearOfCentury, month: month)), date >= 1,
            let hour = number(text, at: 11, to: 23), let minute = number(text, at: 14, to: 59),
            let second = number(text, at: 17, to: 60)
        else { return nil }
        var index = 19
        guard var millisecond = fraction(text, at: &index), let offset = offset(text, at: index) else { return nil }
        let dayStart = day(year: century * 100 + yearOfCentury, month: month, date: date) * 86_400
        var seconds = dayStart + hour * 3600 + minute * 60 + second - offset
        if second == 60 {
            guard divide(seconds, by: 86_400).remainder == 0 else { return nil }
            seconds -= 1
            millisecond = 999
        }
        return seconds * 1000 + millisecond
    }

    /// The two digits at an index, when they are at most `maximum`.
    private static func number(_ text: UnsafeBufferPointer<UInt8>, at index: Int, to maximum: Int64) -> Int64? {
        guard isDigit(text[index]), isDigit(text[index + 1]) else { return nil }
        let value = Int64(text[index] - ASCII.zero) * 10 + Int64(text[index + 1] - ASCII.zero)
        return value <= maximum ? value : nil
    }

    /// The milliseconds of the fraction that may start at the index, which moves past it.
    private static func fraction(_ text: UnsafeBufferPointer<UInt8>, at index: inout Int) -> Int64? {
        guard text[index] == ASCII.point else { return 0 }
        index += 1
        var millisecond: Int64 = 0
        var digitCount = 0
        while index < text.count, isDigit(text[index]) {
            if digitCount < 3 { millisecond = millisecond * 10 + Int64(text[index] - ASCII.zero) }
            digitCount += 1
            index += 1
        }
        guard digitCount > 0 else { return nil }
        while digitCount < 3 {
            millisecond *= 10
            digitCount += 1
        }
        return millisecond
    }

    /// The offset from UTC that is the rest of the text, in seconds.
    private static func offset(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> Int64? {
        guard index < text.count else { return nil }
        if text[index] | 0x20 == UInt8(ascii: "z") { return text.count == index + 1 ? 0 : nil }
        guard text[index] == ASCII.plus || text[index] == ASCII.minus, text.count == index + 6,
            text[index + 3] == ASCII.colon,
            let hours = number(text, at: index + 1, to: 23), let minutes = number(text, at: index + 4, to: 59)
        else { return nil }
        let seconds = hours * 3600 + minutes * 60
        return text[index] == ASCII.minus ? -seconds : seconds
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= ASCII.zero && byte <= ASCII.nine }
}
