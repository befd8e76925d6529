/// Keeps the series of all metrics, by name and labels.
struct SeriesTable {
    private struct Entry {
        let series: any Series
        /// The number of those who made it and have not destroyed it.
        var userCount: Int
    }

    private struct Family {
        let kind: SeriesKind
        var entries: [LabelText: Entry] = [:]
    }

    /// Where a series is, for those who destroy it.
    private struct Place {
        let name: String
        let labels: LabelText
    }

    private let configuration: PrometheusExporter.Configuration
    private var table: [String: Family] = [:]
    private var places: [ObjectIdentifier: Place] = [:]
    /// Those of `other` do not count: there is one at most for each metric.
    private var seriesCount = 0
    private let overLimit = CounterSeries()
    private let ofOtherKind = CounterSeries()

    init(_ configuration: PrometheusExporter.Configuration) {
        self.configuration = configuration
    }

    /// The number of series that were not made, by the reason.
    private static let droppedName = "agent_events_metrics_dropped_total"
    private static let droppedHelp =
        "Series that were not made: over the limit of series, or a metric of another kind under the same name."

    // MARK: Making

    mutating func counter(_ label: String, _ dimensions: [(String, String)]) -> CounterSeries {
        series(label, dimensions) { _ in CounterSeries() }
    }

    mutating func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeSeries {
        series(label, dimensions) { _ in GaugeSeries() }
    }

    mutating func histogram(_ label: String, _ dimensions: [(String, String)]) -> HistogramSeries {
        series(label, dimensions) { [configuration] in
            HistogramSeries(bounds: configuration.bucketsByName[$0] ?? configuration.buckets)
        }
    }

    private mutating func series<Made: Series>(
        _ label: String,
        _ dimensions: [(String, String)],
        make: (_ name: String) -> Made
    ) -> Made {
        let name = TextFormat.metricName(label)
        var labels = LabelText(dimensions, isOfHistogram: Made.kind == .histogram)
        guard mayBe(Made.kind, name) else {
            ofOtherKind.increment(by: 1 as Int64)
            return make(name)
        }
        if let known = use(name, labels, as: Made.self) { return known }
        if seriesCount >= configuration.maximumSeriesCount {
            overLimit.increment(by: 1 as Int64)
            // Not a new metric: then there could be any number of them.
            guard table[name] != nil else { return make(name) }
            labels = .other(dimensions, isOfHistogram: Made.kind == .histogram)
            if let known = use(name, labels, as: Made.self) { return known }
        } else {
            seriesCount += 1
        }
        let made = make(name)
        table[name, default: Family(kind: Made.kind)].entries[labels] = Entry(series: made, userCount: 1)
        places[ObjectIdentifier(made)] = Place(name: name, labels: labels)
        return made
    }

    private mutating func use<Made: Series>(_ name: String, _ labels: LabelText, as _: Made.Type) -> Made? {
        guard let known = table[name]?.entries[labels]?.series as? Made else { return nil }
        table[name]?.entries[labels]?.userCount += 1
        return known
    }

    /// Says if a name is free, or is one of this kind, and no line of a histogram has it.
    private func mayBe(_ kind: SeriesKind, _ name: String) -> Bool {
        if let family = table[name] { return family.kind == kind }
        let suffixes = ["_bucket", "_sum", "_count"]
        if name == Self.droppedName { return false }
        if kind == .histogram { return !suffixes.contains { table[name + $0] != nil } }
        return !suffixes.contains { suffix in
            name.hasSuffix(suffix) && table[String(name.dropLast(suffix.count))]?.kind == .histogram
        }
    }

    // MARK: Removing

    /// One of those who made a series does not need it any longer.
    mutating func remove(_ series: any Series) {
        let identity = ObjectIdentifier(series)
        guard let place = places[identity], var entry = table[place.name]?.entries[place.labels] else { return }
        entry.userCount -= 1
        guard entry.userCount == 0 else {
            table[place.name]?.entries[place.labels] = entry
            return
        }
        places[identity] = nil
        table[place.name]?.entries[place.labels] = nil
        if !place.labels.isOther { seriesCount -= 1 }
        if table[place.name]?.entries.isEmpty == true { table[place.name] = nil }
    }

    // MARK: Writing

    /// All series, to be written without the table.
    var families: Families {
        var families = table.map { name, family in
            Families.Family(
                name: name, kind: family.kind, help: configuration.help[name],
                series: family.entries.map { ($0.key, $0.value.series) })
        }
        families.append(
            Families.Family(
                name: Self.droppedName, kind: .counter, help: Self.droppedHelp,
                series: [
                    (LabelText([("reason", "limit")], isOfHistogram: false), overLimit),
                    (LabelText([("reason", "kind")], isOfHistogram: false), ofOtherKind),
                ]))
        return Families(families: families)
    }
}

/// The metrics at the time of a scrape.
struct Families: Sendable {
    struct Family: Sendable {
        let name: String
        let kind: SeriesKind
        let help: String?
        let series: [(labels: LabelText, series: any Series)]
    }

    let families: [Family]

    /// The text of all of them.
    var text: String {
        var text = ""
        for family in families.sorted(by: { $0.name < $1.name }) {
            if let help = family.help { text += "# HELP \(family.name) \(TextFormat.help(help))\n" }
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for (labels, series) in family.series.sorted(by: { $0.labels.text < $1.labels.text }) {
                series.write(family.name, labels, to: &text)
            }
        }
        return text
    }
}
