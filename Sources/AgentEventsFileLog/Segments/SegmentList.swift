import AgentEvents
import AgentEventsFiles

/// The segments, in order, and their open files.
struct SegmentList: Sendable {
    private(set) var segments: [Segment] = []
    /// Whether the last segment gets no further commit.
    var isLastComplete = false
    private var open: [Int64: any OpenFile] = [:]
    /// The number of files that were replaced.
    private(set) var revision = 0
    private let openLimit: Int

    /// - Parameter openLimit: how many files stay open at a time.
    init(_ segments: [Segment] = [], openLimit: Int) {
        self.segments = segments
        self.openLimit = openLimit
    }

    var first: Segment? { segments.first }
    var last: Segment? { segments.last }

    /// The segment that has a position, or the first after it.
    func segment(at position: Int64) -> Segment? {
        let index = segments.partitioningIndex { $0.end > position }
        return index < segments.count ? segments[index] : nil
    }

    func file(of segment: Segment) -> (any OpenFile)? { open[segment.start] }

    /// Keeps a file open; another one is closed if there are too many.
    mutating func keep(_ file: any OpenFile, of segment: Segment) {
        guard contains(segment) else { return }
        if open.count >= openLimit, let other = open.keys.first(where: { $0 != last?.start }) { open[other] = nil }
        open[segment.start] = file
    }

    /// Closes the files before a position; not the last one.
    mutating func closeFiles(before position: Int64) {
        let start = segment(at: position)?.start ?? .max
        open = open.filter { $0.key >= start || $0.key == last?.start }
    }

    mutating func append(_ segment: Segment, file: any OpenFile) {
        segments.append(segment)
        isLastComplete = false
        keep(file, of: segment)
    }

    /// The last segment has grown.
    mutating func replaceLast(with segment: Segment) {
        segments[segments.count - 1] = segment
    }

    /// Takes a segment away that is not the last.
    mutating func remove(_ segment: Segment) {
        open[segment.start] = nil
        segments.removeAll { $0.start == segment.start }
    }

    /// A file has another one in its place.
    mutating func didReplace(_ segment: Segment) {
        revision += 1
        open[segment.start] = nil
    }

    func contains(_ segment: Segment) -> Bool { self.segment(at: segment.start)?.start == segment.start }
}
