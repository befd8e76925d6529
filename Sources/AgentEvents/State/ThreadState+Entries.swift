extension ThreadState {
    /// Sets an entry of the shared state, unless the one that is there is as new.
    mutating func set(_ entry: Entry) {
        if let index = entries.lastIndex(where: { ExactString.areEqual($0.key, entry.key) }) {
            guard entry.version > entries[index].version else { return }
            allEntries.subtract(entries.remove(at: index).byteCount)
        }
        entries.append(entry)
        allEntries.add(entry.byteCount)
        while allEntries.exceeds(count: limits.entryCount, byteCount: limits.entryByteCount) {
            // What was removed goes first: all that it still tells is its version.
            let index = entries.dropLast().firstIndex(where: \.isRemoved) ?? 0
            allEntries.subtract(entries.remove(at: index).byteCount)
            dropped.entries += 1
        }
    }
}
