import AgentEventsHub

import NIOCore

/// The form in which browsers name an origin (RFC 6454, section 6.2): `https://chat.example.com`, `http://localhost:3000`.
///
/// A page's origin is compared with those that are allowed byte by byte, so one that is written in another form would
/// never match.
package enum AllowedOrigin {
    /// - Returns: the problem with a text, and how it would be right; `nil` when browsers may send it as it is.
    package static func problem(with text: String) -> String? {
        if text == "*" {
            return "* would let every web page in; name the origins, such as \(example)"
        }
        if text == "null" {
            return "null is the origin of all files and of all pages in sandboxes; serve the page over HTTP and name "
                + "its origin, such as http://localhost:3000"
        }
        if text.contains(where: { $0 == "," || $0 == " " }) {
            return "\"\(text)\" is not one origin; give each of several its own --allowed-origin"
        }
        if text.contains("*") { return problem(withPattern: text) }
        guard let right = normalized(text) else {
            return "\"\(text)\" is not an origin; one looks like \(example)"
        }
        guard right != text else { return nil }
        return "no browser sends the origin \"\(text)\"; it would be \(right)"
    }

    /// `https://*.example.com`: a star in place of the first labels, before a name of two labels at least.
    private static func problem(withPattern text: String) -> String? {
        let wrong = "\"\(text)\" is no pattern; one looks like https://*.example.com, and a star stands nowhere else"
        guard OriginPattern(text) != nil, let star = text.firstRange(of: "*") else { return wrong }
        var example = text
        example.replaceSubrange(star, with: "a")
        guard normalized(example) == example, let parts = text[star.upperBound...].split(separator: ":").first else {
            return wrong
        }
        guard parts.split(separator: ".").count > 1 else {
            return "\"\(text)\" would let every page of \(parts.dropFirst()) in; name more of the host, such as "
                + "https://*.example.com"
        }
        return nil
    }

    private static let example = "https://chat.example.com"

    /// The origin that a text most likely means, as browsers send it; `nil` when there is none.
    private static func normalized(_ text: String) -> String? {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        let parts = schemeAndRest(text.lowercased())
        let authority = parts.rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.isEmpty, !authority.contains("@"), let place = hostAndPort(authority) else { return nil }
        guard let scheme = parts.scheme else {
            // Such as `https:/a.example` or `data:`: what stands before the colon is a scheme, and no host.
            if place.port == nil, text.contains(":"), !authority.hasPrefix("[") { return nil }
            let isLocal = LoopbackHost.isLoopback(place.host)
            return origin(isLocal ? "http" : "https", place.host, place.port)
        }
        switch scheme {
        case "ws": return origin("http", place.host, place.port)
        case "wss": return origin("https", place.host, place.port)
        case "file", "ftp": return nil
        default:
            guard scheme.first?.isLetter == true,
                scheme.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "+" || $0 == "-" || $0 == "." })
            else { return nil }
            return origin(scheme, place.host, place.port)
        }
    }

    private static func schemeAndRest(_ text: String) -> (scheme: String?, rest: Substring) {
        guard let range = text.firstRange(of: "://") else { return (nil, text[...]) }
        return (String(text[..<range.lowerBound]), text[range.upperBound...])
    }

    private static func origin(_ scheme: String, _ host: String, _ port: Int?) -> String {
        let isDefault = (scheme == "http" && port == 80) || (scheme == "https" && port == 443)
        guard let port, !isDefault else { return "\(scheme)://\(host)" }
        return "\(scheme)://\(host):\(port)"
    }

    /// The host as browsers write it, and the port.
    private static func hostAndPort(_ authority: Substring) -> (host: String, port: Int?)? {
        let host = LoopbackHost.host(ofAuthority: authority)
        let rest = authority.dropFirst(host.count)
        var port: Int?
        if !rest.isEmpty {
            let digits = rest.dropFirst()
            guard rest.first == ":", digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            if !digits.isEmpty {
                guard let number = Int(digits), (1...65535).contains(number) else { return nil }
                port = number
            }
        }
        guard let written = written(host) else { return nil }
        return (written, port)
    }

    private static func written(_ host: String) -> String? {
        if host.hasPrefix("[") {
            guard host.hasSuffix("]"), let address = address(String(host.dropFirst().dropLast())), case .v6 = address,
                let text = address.ipAddress
            else { return nil }
            return "[\(text)]"
        }
        let isName = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                UInt8(ascii: "."), UInt8(ascii: "_"):
                true
            default:
                false
            }
        }
        guard isName, !host.isEmpty else { return nil }
        // A last label of digits is an address for browsers, and they write it with all of its four numbers.
        let last = host.split(separator: ".", omittingEmptySubsequences: false).last ?? ""
        guard !last.isEmpty, last.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return host }
        guard let address = address(host), case .v4 = address else { return nil }
        return address.ipAddress
    }

    private static func address(_ text: String) -> SocketAddress? { try? SocketAddress(ipAddress: text, port: 0) }
}
