/// The outcome of reading a file that matched.
package struct FileReading: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        case excerpt(Excerpt)
        /// Why it could not be read, for people.
        case failed(String)
    }

    package let match: FileMatch
    package let outcome: Outcome

    package init(match: FileMatch, outcome: Outcome) {
        self.match = match
        self.outcome = outcome
    }
}
