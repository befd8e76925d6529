/// One element of `Forwarded` or `X-Forwarded-For`: what one proxy tells of the connection that it has accepted.
struct ForwardedElement: Hashable {
    /// The address of the other side; `nil` when it is hidden, unknown or malformed.
    var address: ClientAddress?
    var scheme: String?
    var host: String?

    /// - Parameter node: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`.
    init(node: some StringProtocol) { address = Self.address(ofNode: Self.trimmed(node)) }

    private init() {}

    /// Reads the lines of `Forwarded`. An element that is malformed has no address.
    static func read(_ values: [String]) -> [ForwardedElement] {
        values.flatMap { value in split(value[...], at: ",").map { read(element: $0) } }
    }

    private static func read(element text: Substring) -> ForwardedElement {
        var element = ForwardedElement()
        var names: Set<String> = []
        for pair in split(text, at: ";") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let value = unquoted(trimmed(parts[1])) else { return ForwardedElement() }
            let name = trimmed(parts[0]).lowercased()
            guard names.insert(name).inserted else { return ForwardedElement() }
            switch name {
            case "for": element.address = address(ofNode: value[...])
            case "proto": element.scheme = scheme(value)
            case "host": element.host = host(value)
            default: break
            }
        }
        return element
    }

    /// `http` or `https`; `nil` for anything else.
    static func scheme(_ text: some StringProtocol) -> String? {
        let scheme = trimmed(text).lowercased()
        return scheme == "http" || scheme == "https" ? scheme : nil
    }

    /// A host with or without a port; `nil` for what is none.
    static func host(_ text: some StringProtocol) -> String? {
        let host = trimmed(text)
        let isHost = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"):
                true
            default:
                false
            }
        }
        return isHost && (1...259).contains(host.utf8.count) ? String(host) : nil
    }

    private static func address(ofNode node: Substring) -> ClientAddress? {
        if node.hasPrefix("[") {
            guard let end = node.firstIndex(of: "]") else { return nil }
            let address = node[node.index(after: node.startIndex)..<end]
            let rest = node[node.index(after: end)...]
            guard rest.isEmpty || isPort(rest), address.contains(":") else { return nil }
            return ClientAddress(address)
        }
        guard let colon = node.firstIndex(of: ":"), colon == node.lastIndex(of: ":") else { return ClientAddress(node) }
        guard isPort(node[colon...]) else { return nil }
        return ClientAddress(node[..<colon])
    }

    /// A colon, and then a port or a name that stands for one.
    private static func isPort(_ text: Substring) -> Bool {
        text.hasPrefix(":") && (2...64).contains(text.utf8.count)
            && text.dropFirst().utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default:
                    false
                }
            }
    }

    /// The parts of a text between separators that are not within quotes.
    private static func split(_ text: Substring, at separator: Character) -> [Substring] {
        var parts: [Substring] = []
        var start = text.startIndex
        var isQuoted = false
        var isEscaped = false
        for index in text.indices {
            let character = text[index]
            if isEscaped {
                isEscaped = false
            } else if isQuoted, character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isQuoted.toggle()
            } else if !isQuoted, character == separator {
                parts.append(text[start..<index])
                start = text.index(after: index)
            }
        }
        return parts + [text[start...]]
    }

    /// The value of a token or a quoted string; `nil` for a quote that does not end.
    private static func unquoted(_ text: Substring) -> String? {
        guard text.hasPrefix("\"") else { return text.contains("\"") ? nil : String(text) }
        var value = ""
        var isEscaped = false
        for index in text.indices.dropFirst() {
            let character = text[index]
            if isEscaped {
                value.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                return text.index(after: index) == text.endIndex ? value : nil
            } else {
                value.append(character)
            }
        }
        return nil
    }

    /// Without blanks at its ends. A header may have thousands of them: each is looked at once.
    private static func trimmed(_ text: some StringProtocol) -> Substring {
        let bytes = Substring(text).utf8
        let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        guard let first = bytes.firstIndex(where: { !isBlank($0) }), let last = bytes.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return Substring(bytes[first..<bytes.index(after: last)])
    }
}
