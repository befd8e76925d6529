/// The key of a value in a ``StateStore``: all that tells it apart from the others.
package struct StoredKey: Hashable, Sendable {
    package var tenant: TenantID
    package var kind: StoredValue.Kind
    /// `nil` for none.
    package var thread: ThreadID?
    package var name: String

    package init(_ kind: StoredValue.Kind, thread: ThreadID?, name: String, tenant: TenantID = .default) {
        self.tenant = tenant
        self.kind = kind
        self.thread = thread
        self.name = name
    }

    /// Strings that look the same may differ in their bytes, and are different names.
    package static func == (one: StoredKey, other: StoredKey) -> Bool {
        one.tenant == other.tenant && one.kind == other.kind && one.thread == other.thread
            && one.name.utf8.elementsEqual(other.name.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(tenant)
        hasher.combine(kind)
        hasher.combine(thread)
        for byte in name.utf8 { hasher.combine(byte) }
    }
}

extension StoredValue {
    package var key: StoredKey { StoredKey(kind, thread: thread, name: name) }
}
