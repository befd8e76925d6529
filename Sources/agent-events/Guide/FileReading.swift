/// The outcome of reading a file that matched.
package struct FileReading: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// - Parameter remark: what the person who has allowed it says of it.
        case excerpt(Excerpt, remark: String? = nil)
        /// Why it could not be read, for people.
        case failed(String)
        /// Why it was not to be read, for people.
        case refused(String)
    }

    package let match: FileMatch
    package let outcome: Outcome

    package init(match: FileMatch, outcome: Outcome) {
        self.match = match
        self.outcome = outcome
    }

    /// The reasons why a file was not to be read, for people, by the codes of calls.
    static let refusals = [
        "approval.denied": "somebody said no",
        "approval.expired": "nobody said in time whether I may",
        "approval.cancelled": "the question was taken back",
    ]
}
