/// The halves of characters at the ends of a fragment whose sender cuts texts between UTF-16 code units, as JavaScript does.
///
/// A Swift `String` cannot hold half of a surrogate pair, so a fragment's text stands without them. Where a fragment of the
/// same message ended with the other half, they are one character (``ThreadStateMachine/check(_:host:at:lookedUp:)``); a half that
/// finds none becomes U+FFFD.
package struct SplitCharacter: Hashable, Sendable {
    /// The low surrogate that the fragment begins with: the second half of a character.
    package var end: UInt16?
    /// The high surrogate that the fragment ends with: the first half of a character.
    package var start: UInt16?

    package init(end: UInt16? = nil, start: UInt16? = nil) {
        self.end = end
        self.start = start
    }

    /// The text that stands for a half without the other one.
    package static var replacement: String { "\u{FFFD}" }

    /// The text of a half that waited and of what followed it; one of the two is there at least.
    static func text(waiting start: UInt16?, then end: UInt16?) -> String {
        switch (start, end) {
        case (let start?, let end?): String(decoding: [start, end], as: UTF16.self)
        case (nil, nil): ""
        case (.some, nil), (nil, .some): replacement
        }
    }
}

extension UnpairedString {
    /// The string of a fragment that stands without the halves at its ends.
    init(_ text: String, with halves: SplitCharacter) {
        self.init(codeUnits: (halves.end.map { [$0] } ?? []) + text.utf16 + (halves.start.map { [$0] } ?? []))
    }

    /// The string as a fragment: the text without the halves at its ends, and these. A half in the middle becomes U+FFFD.
    var asFragment: (text: String, halves: SplitCharacter?) {
        var units = codeUnits[...]
        var halves = SplitCharacter()
        if let first = units.first, UTF16.isTrailSurrogate(first) { halves.end = units.popFirst() }
        if let last = units.last, UTF16.isLeadSurrogate(last) { halves.start = units.popLast() }
        return (String(decoding: units, as: UTF16.self), halves == SplitCharacter() ? nil : halves)
    }
}
