import AgentEvents

/// Puts the calls of an answer together from the pieces in which chat completions send them.
///
/// By the protocol a piece says by its `index` which call it belongs to, and the first one has the id and the name. Providers differ:
/// some send no index, some the same one for all calls, some no ids, one id for all, or another one with each piece; some repeat
/// the name, or send it in pieces, or after the first arguments. So a piece belongs to the last call with its index, without an index
/// to the last one with its id, and without both to the last one; but it begins another call when its name says so
/// (``Slot/ends(before:)``), and when a piece of the same event without an index has gone there already.
struct ModelCallAssembly: Hashable, Sendable {
    /// The most bytes of the calls of an answer: 1 MiB. They are held in memory until the answer is whole.
    static let maximumByteCount = 1 << 20
    /// The most calls of an answer.
    static let maximumCallCount = 256

    private struct Piece {
        var index: Int64?
        var id: String
        var name: String
        var arguments: Arguments

        init(_ entry: JSONValue) {
            let function = entry["function"]
            index = entry["index"]?.integerValue
            id = entry["id"]?.text ?? ""
            name = function?["name"]?.text ?? ""
            arguments = Arguments(function?["arguments"])
        }

        var byteCount: Int { id.utf8.count + name.utf8.count + arguments.byteCount }
    }

    /// Text, as it should be, or the object itself.
    private enum Arguments: Hashable, Sendable {
        case text(String)
        case value(JSONValue)

        init(_ value: JSONValue?) {
            switch value {
            case nil, .null?: self = .text("")
            case .some(let value): self = value.text.map { Arguments.text($0) } ?? .value(value)
            }
        }

        var isEmpty: Bool { self == .text("") }

        var isWhole: Bool {
            switch self {
            // The last byte tells mostly, and is looked at in no time.
            case .text(let text): text.utf8.last == UInt8(ascii: "}") && (try? JSONValue(parsing: text.utf8)) != nil
            case .value: true
            }
        }

        var byteCount: Int {
            switch self {
            case .text(let text): text.utf8.count
            case .value(let value): value.encoded().count
            }
        }

        mutating func append(_ other: Arguments) {
            if case .text(var text) = self, case .text(let piece) = other {
                // Not held twice, so that it is not copied.
                self = .text("")
                text += piece
                self = .text(text)
            } else if !other.isEmpty {
                self = other
            }
        }
    }

    private struct Slot: Hashable, Sendable {
        var index: Int64?
        var id = ""
        var name = ""
        var arguments = Arguments.text("")

        /// Whether a piece is the beginning of another call.
        func ends(before piece: Piece) -> Bool {
            guard !piece.name.isEmpty, !name.isEmpty else { return false }
            if !piece.id.isEmpty, !id.isEmpty, piece.id != id { return true }
            if !arguments.isEmpty {
                if piece.name != name || !piece.arguments.isEmpty && arguments.isWhole { return true }
                return piece.index == nil && arguments.isWhole
            }
            return piece.index == nil && piece.id.isEmpty && piece.name != name
        }

        mutating func take(_ piece: Piece) {
            if id.isEmpty { id = piece.id }
            if piece.name != name, arguments.isEmpty || name.isEmpty { name += piece.name }
            arguments.append(piece.arguments)
        }
    }

    private var slots: [Slot] = []
    private var byteCount = 0

    /// - Parameter entries: those of `tool_calls` in one event.
    /// - Throws: ``ModelError`` `model.malformed` when there are too many calls, or too many bytes.
    mutating func receive(_ entries: [JSONValue]) throws(ModelError) {
        var taken: Set<Int> = []
        for entry in entries {
            let piece = Piece(entry)
            byteCount += piece.byteCount
            guard byteCount <= Self.maximumByteCount else {
                throw ModelError(
                    .malformed, "the calls of the provider's answer have more than \(Self.maximumByteCount) bytes")
            }
            var place = place(of: piece)
            if let found = place, slots[found].ends(before: piece) || piece.index == nil && taken.contains(found) {
                place = nil
            }
            if place == nil {
                guard slots.count < Self.maximumCallCount else {
                    throw ModelError(.malformed, "the provider's answer has more than \(Self.maximumCallCount) calls")
                }
                slots.append(Slot(index: piece.index))
            }
            let taker = place ?? slots.count - 1
            slots[taker].take(piece)
            taken.insert(taker)
        }
    }

    private func place(of piece: Piece) -> Int? {
        if let index = piece.index {
            // Some tell the index from the second piece on.
            return slots.lastIndex { $0.index == index }
                ?? (piece.name.isEmpty ? slots.lastIndex { $0.index == nil } : nil)
        }
        if !piece.id.isEmpty { return slots.lastIndex { $0.id == piece.id } }
        return slots.indices.last
    }

    /// The calls, in the order in which they began.
    ///
    /// - Parameter names: knows the tools by the names that the model was told.
    func calls(_ names: FunctionNames) -> [ModelCall] {
        slots.map { slot in
            let arguments: ModelArguments =
                switch slot.arguments {
                case .text(let text): ModelArguments(written: text)
                case .value(let value): .json(value)
                }
            return ModelCall(tool: names.tool(named: slot.name), arguments: arguments)
        }
    }
}

extension ModelArguments {
    /// - Parameter text: what the model wrote; nothing, and `null`, are an empty object.
    init(written text: String) {
        if text.utf8.allSatisfy({ [0x09, 0x0A, 0x0D, 0x20].contains($0) }) {
            self = .json([:])
            return
        }
        do throws(WireError) {
            let value = try JSONValue(parsing: text.utf8)
            self = .json(value == .null ? [:] : value)
        } catch {
            self = .unreadable(text)
        }
    }
}
