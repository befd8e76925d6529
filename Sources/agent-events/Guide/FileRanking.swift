internal import Foundation

/// Orders files by how much they have to do with a question: how often a term stands in a file for its length, how rare
/// the term is, whether it is in the file's name, and how many of the terms there are (the formula is BM25).
package enum FileRanking {
    /// - Returns: the files with any of the terms, the best first; equal ones by path.
    package static func rank(_ files: [FileStatistics], termCount: Int, limit: Int) -> [FileMatch] {
        guard !files.isEmpty, termCount > 0 else { return [] }
        let averageWordCount = max(1, Double(files.reduce(0) { $0 + $1.wordCount }) / Double(files.count))
        let rarity = (0..<termCount).map { term in
            let holders = Double(files.count { $0.has(term: term) })
            return log(1 + (Double(files.count) - holders + 0.5) / (holders + 0.5))
        }
        let matches = files.compactMap { file -> FileMatch? in
            var score = 0.0
            var found = 0
            for term in 0..<termCount where file.has(term: term) {
                found += 1
                let count = Double(file.counts[term])
                let length = 0.25 + 0.75 * Double(file.wordCount) / averageWordCount
                score += rarity[term] * count * 2.2 / (count + 1.2 * length)
                if file.inPath[term] { score += rarity[term] * 1.5 }
            }
            guard found > 0 else { return nil }
            score *= Double(found) / Double(termCount)
            return FileMatch(
                file: file.path, line: file.bestLine, excerpt: Excerpt.shortened(file.bestLineText),
                score: (score * 1000).rounded() / 1000)
        }
        return Array(matches.sorted { ($1.score, $0.file) < ($0.score, $1.file) }.prefix(limit))
    }
}
