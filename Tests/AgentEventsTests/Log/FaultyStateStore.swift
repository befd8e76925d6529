import AgentEvents
import Synchronization

/// A small store of its own, right or with one fault.
final class FaultyStateStore: StateStore {
    enum Fault: CaseIterable {
        case dropsEmptyBytes, ignoresKinds, ignoresThreads, takesNoThreadForOne, comparesNamesAsText, ordersByLength
        case keepsTheFirst, removesNothing, limitIsMissing, nameLimitIsMissing, limitIsOneShort, limitCountsCharacters
        case savesTheFirstOfARefusal, savesOneByOne, forgetsAtTheEnd, bringsBackWhatWasRemoved
    }

    private struct Place: Hashable {
        var kind: String
        var thread: String
        var name: [UInt8]
    }

    private let fault: Fault?
    private let values: Mutex<[Place: StoredValue]>

    init(_ fault: Fault? = nil, values: [StoredValue] = []) {
        self.fault = fault
        self.values = Mutex([:])
        for value in values { self.values.withLock { $0[place(of: value)] = value } }
    }

    func reopened() -> FaultyStateStore {
        let kept = values.withLock { Array($0.values) }
        return FaultyStateStore(fault, values: fault == .forgetsAtTheEnd ? [] : kept.map(brought))
    }

    private func brought(_ value: StoredValue) -> StoredValue {
        var value = value
        if fault == .bringsBackWhatWasRemoved, value.bytes == nil { value.bytes = [0] }
        return value
    }

    private func place(of value: StoredValue) -> Place {
        place(value.kind, value.thread, value.name)
    }

    private func place(_ kind: StoredValue.Kind, _ thread: ThreadID?, _ name: String) -> Place {
        var bytes = Array(name.utf8)
        if fault == .comparesNamesAsText, name == "é" { bytes = Array("é".utf8) }
        let anyThread = fault == .takesNoThreadForOne ? "t_1" : ""
        return Place(
            kind: fault == .ignoresKinds ? "" : kind.rawValue,
            thread: fault == .ignoresThreads ? "" : thread?.rawValue ?? anyThread,
            name: bytes
        )
    }

    func load(_ kind: StoredValue.Kind, thread: ThreadID?, name: String) async throws(EventLogError) -> [UInt8]? {
        values.withLock { $0[place(kind, thread, name)]?.bytes }
    }

    func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?) async throws(EventLogError) -> [StoredValue] {
        let wanted = place(kind, thread, "")
        let found = values.withLock { values in
            values.filter { $0.key.kind == wanted.kind && $0.key.thread == wanted.thread && $0.value.bytes != nil }
        }
        let sorted = found.sorted { $0.key.name.lexicographicallyPrecedes($1.key.name) }.map(\.value)
        return fault == .ordersByLength ? sorted.sorted { $0.name.utf8.count < $1.name.utf8.count } : sorted
    }

    func save(_ saved: [StoredValue]) async throws(EventLogError) {
        do throws(EventLogError) {
            for value in saved { try checkLimits(of: value) }
        } catch {
            if fault == .savesTheFirstOfARefusal, let first = saved.first { store([first]) }
            throw error
        }
        guard fault == .savesOneByOne else { return store(saved) }
        for value in saved {
            store([value])
            for _ in 0..<20 { await Task.yield() }
        }
    }

    private func checkLimits(of value: StoredValue) throws(EventLogError) {
        var checked = value
        switch fault {
        case .limitIsMissing: checked.bytes = []
        case .nameLimitIsMissing: checked.name = ""
        case .limitIsOneShort: checked.bytes = value.bytes.map { $0 + [0] }
        case .limitCountsCharacters: checked.name = String(repeating: "n", count: value.name.count)
        default: break
        }
        try checked.checkLimits()
    }

    private func store(_ saved: [StoredValue]) {
        values.withLock { values in
            for var value in saved {
                if fault == .dropsEmptyBytes, value.bytes == [] { value.bytes = nil }
                if fault == .removesNothing, value.bytes == nil { continue }
                let place = place(of: value)
                if fault == .keepsTheFirst, values[place]?.bytes != nil, value.bytes != nil { continue }
                values[place] = value
            }
        }
    }
}
