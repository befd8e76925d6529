internal import AgentEvents

/// An event to be emitted, and the line it came from.
struct NumberedDraft {
    /// From 1.
    let line: Int
    let value: JSONValue

    init(line: Int, value: JSONValue) {
        self.line = line
        self.value = value
    }

    /// - Returns: `nil` for a blank line.
    /// - Throws: ``InputError`` when the line is not JSON.
    init?(_ line: LineReader.Line) throws(InputError) {
        guard !line.isBlank else { return nil }
        do throws(WireError) {
            self.init(line: line.number, value: try JSONValue(parsing: line.bytes))
        } catch {
            throw InputError(message: "line \(line.number): \(error)")
        }
    }
}
