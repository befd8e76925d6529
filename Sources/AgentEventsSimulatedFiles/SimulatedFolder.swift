/// The names in a folder: as a program sees them, and as they are on the disk.
struct SimulatedFolder {
    enum Entry: Hashable {
        case file(Int)
        case folder(Int)
    }

    private enum Change {
        case set(String, Entry)
        case remove(String)
        case rename(String, to: String, Entry)

        func apply(to names: inout [String: Entry]) {
            switch self {
            case .set(let name, let entry): names[name] = entry
            case .remove(let name): names[name] = nil
            case .rename(let name, let newName, let entry):
                if names[name] == entry { names[name] = nil }
                names[newName] = entry
            }
        }
    }

    /// The names that a program sees.
    private(set) var names: [String: Entry] = [:]
    private var durable: [String: Entry] = [:]
    private var pending: [Change] = []

    mutating func set(_ name: String, to entry: Entry) { change(.set(name, entry)) }

    mutating func remove(_ name: String) { change(.remove(name)) }

    mutating func rename(_ name: String, to newName: String) {
        if let entry = names[name] { change(.rename(name, to: newName, entry)) }
    }

    private mutating func change(_ change: Change) {
        change.apply(to: &names)
        pending.append(change)
    }

    mutating func synchronize() {
        durable = names
        pending = []
    }

    /// Keeps some of the changes: the first ones, or any.
    mutating func cutPower(_ random: inout SplitMix) {
        let isOrdered = Bool.random(using: &random)
        var keptCount = Int.random(in: 0...pending.count, using: &random)
        for change in pending {
            if isOrdered ? keptCount > 0 : Bool.random(using: &random) { change.apply(to: &durable) }
            keptCount -= 1
        }
        pending = []
        names = durable
    }

    /// The folders that have a name in it now.
    var folders: [Int] {
        names.values.compactMap { entry in
            if case .folder(let folder) = entry { folder } else { nil }
        }
    }

    /// The files that have a name, or may have one after the power is cut.
    var files: Set<Int> {
        let changed = pending.compactMap { change -> Entry? in
            switch change {
            case .set(_, let entry), .rename(_, to: _, let entry): entry
            case .remove: nil
            }
        }
        var files: Set<Int> = []
        for entry in [Array(names.values), Array(durable.values), changed].joined() {
            if case .file(let file) = entry { files.insert(file) }
        }
        return files
    }
}
