/// One choice of the scheduler. It names whom it is about, so that it means the same when others are left out of the
/// schedule; one that cannot happen then is passed over.
package struct Choice: Hashable, Sendable {
    package var kind: ChoiceKind
    /// A thread, a client or an event loop, by its number; 0 where there is one only.
    package var entity: Int
    /// Everything that is random in the step comes from this.
    package var value: UInt32

    package init(_ kind: ChoiceKind, _ entity: Int = 0, value: UInt32 = 0) {
        self.kind = kind
        self.entity = entity
        self.value = value
    }
}

extension Choice: CustomStringConvertible {
    /// `d12.5f`: the kind, the entity, the value in base 36.
    package var description: String { "\(kind.letter)\(entity).\(String(value, radix: 36))" }

    package init?(_ text: some StringProtocol) {
        guard let letter = text.first, let kind = ChoiceKind(letter: letter) else { return nil }
        let parts = text.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let entity = Int(parts[0]), entity >= 0, let value = UInt32(parts[1], radix: 36) else {
            return nil
        }
        self.init(kind, entity, value: value)
    }
}
