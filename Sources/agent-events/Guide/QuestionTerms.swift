/// The subject of a question: its words without those that every question has.
package struct QuestionTerms: Hashable, Sendable {
    /// Folded words, each once, in order; at most ``maximumCount``.
    package let terms: [String]

    package static let maximumCount = 16

    private static let common: Set<String> = Set(
        """
        a about after all also an and any are as at be because been before being between both but by can could did do does \
        doe doing done each either every explain few find for from get give go had has have having he her here him his how \
        i if in into is it its just kind know let like list made make many may me mean mention mentioned mentioning might \
        more most much must my need no not of off on one only or other our out over own please say said see shall she \
        should show so some such take tell than that the their them then there these they this those through to too \
        under until up use used using very want was we well were what when where whether which while who whom whose why \
        will with would you your file folder
        """.split(separator: " ").map(String.init))

    package init(question: String) {
        let words = WordScanner().words(in: question, includesParts: false)
        self.init(terms: words.filter { !Self.common.contains($0) && $0.utf8.count > 1 })
    }

    private init(terms: [String]) { self.terms = Array(terms.prefix(Self.maximumCount)) }

    /// These terms, and then the others.
    package func adding(_ others: QuestionTerms) -> QuestionTerms {
        QuestionTerms(terms: terms + others.terms.filter { !terms.contains($0) })
    }

    /// The beginnings of the terms, for a wider search: `deliver` for `delivering`. Terms of up to four letters are as
    /// they were.
    package var beginnings: [String] {
        terms.map { $0.count > 4 ? String($0.prefix(max(4, $0.count - 3))) : $0 }
    }
}
