import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer

/// The fields of requests that decide about something, and the header of the PROXY protocol.
enum FieldSubject {
    private static let origins = OriginPolicy(
        allowedOrigins: ["https://chat.example.com", "https://*.example.org"], needsCredentials: false)

    static func problem(of input: [UInt8]) -> String? {
        if let problem = proxyHeaderProblem(of: input) { return problem }
        let text = String(decoding: input, as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        return forwardingProblem(lines) ?? upgradeProblem(text, lines) ?? originProblem(text)
    }

    /// A header is the same, however its bytes come, and is read once.
    private static func proxyHeaderProblem(of input: [UInt8]) -> String? {
        let whole = ProxyHeader.read(input.prefix(ProxyHeader.maximumByteCounts.binary))
        var machine = ProxyHeaderStateMachine()
        guard machine.begin(isTrusted: true) == .wait else { return "a trusted proxy is not waited for" }
        var sizes = PieceSizes(input)
        var taken = 0
        for piece in sizes.pieces(of: input) {
            switch machine.receive(piece) {
            case .wait: break
            case .accept(let header, let consumed):
                guard whole == .whole(header, byteCount: taken + consumed), consumed <= piece.count else {
                    return "in pieces the header is \(header) of \(taken + consumed) bytes, and else \(whole)"
                }
                return machine.receive([0x0A]) == .pass ? nil : "what follows a header is not passed on"
            case .refuse:
                guard case .invalid = whole else { return "in pieces the header is refused, and else \(whole)" }
                return machine.receive([0x0A]) == .ignore ? nil : "after a refusal something counts"
            case .pass, .ignore: return "nothing was decided yet"
            }
            taken += piece.count
        }
        guard input.isEmpty || whole == .incomplete else {
            return "in pieces the header never ends, and else is \(whole)"
        }
        return nil
    }

    private static func forwardingProblem(_ lines: [String]) -> String? {
        guard let range = try? AddressRange("127.0.0.0/8"), let other = try? AddressRange("10.0.0.0/8"),
            let proxy = ClientAddress("127.0.0.1"), let stranger = ClientAddress("192.0.2.9")
        else { return "addresses are not read" }
        _ = try? AddressRange(lines[0])
        for header in [TrustedProxies.Header.forwarded, .xForwardedFor] {
            let proxies = TrustedProxies([range, other], header: header)
            let told = proxies.client(of: stranger) { _ in lines }
            guard told.address == stranger, told.host == nil, told.scheme == nil, told.isIgnored else {
                return "the word of a stranger counts: \(told)"
            }
            let client = proxies.client(of: proxy) { _ in lines }
            if let host = client.host, host.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F }) {
                return "a proxy tells the host \(host.debugDescription)"
            }
            if let scheme = client.scheme, !["http", "https"].contains(scheme) {
                return "a proxy tells the scheme \(scheme.debugDescription)"
            }
        }
        return nil
    }

    private static func upgradeProblem(_ text: String, _ lines: [String]) -> String? {
        let names = UpgradeRequest.names(in: lines)
        guard names.allSatisfy({ !$0.isEmpty && !$0.contains(",") }) else { return "names of a list are \(names)" }
        for (path, query) in [(StreamProtocol.path, nil), (StreamProtocol.path, text), (text, nil)] {
            let decision = UpgradeDecision.decide(
                UpgradeRequest(
                    method: "GET", path: path, query: query, version: "13", key: "dGhlIHNhbXBsZSBub25jZQ==",
                    subprotocols: names, origin: query == nil ? nil : text, host: "localhost"), origins: origins)
            switch decision {
            case .accept(let subprotocol):
                // Of the bytes of a request none is in the answer but the name of the protocol.
                guard subprotocol == nil || subprotocol == StreamProtocol.subprotocol else {
                    return "an upgrade is answered with the subprotocol \(subprotocol.debugDescription)"
                }
            case .decline(let refusal):
                if let problem = Refusal.problem(refusal.error.message) { return problem }
            }
        }
        _ = Credentials(authorization: text, subprotocols: names, path: "/")
        _ = try? ContentCoding(contentEncoding: lines)
        _ = try? IngestFormat(contentType: text)
        return nil
    }

    private static func originProblem(_ text: String) -> String? {
        _ = AllowedOrigin.problem(with: text)
        if LoopbackHost.isLoopback(authority: text), !text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
            return "the host \(text.debugDescription) is one of this machine"
        }
        guard origins.allows(text) else { return nil }
        // Told from the bytes, and not by what has decided.
        let isRight =
            text == "https://chat.example.com"
            || text.hasPrefix("https://") && text.hasSuffix(".example.org")
                && text.utf8.dropFirst(8).allSatisfy {
                    (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || [0x2D, 0x2E, 0x5F].contains($0)
                }
        return isRight ? nil : "pages from \(text.debugDescription) are let in"
    }
}

/// Compressed bodies: never more bytes than there may be, and the same however they come.
enum BodySubject {
    private static let maximumByteCount = 64 * 1024

    static func problem(of input: [UInt8]) -> String? {
        guard let kind = input.first else { return nil }
        let coding: ContentCoding = kind == 0 ? .gzip : .deflate
        let bytes = input.dropFirst()
        var sizes = PieceSizes(input)
        let whole = decoded([bytes], coding)
        let inPieces = decoded(sizes.pieces(of: Array(bytes)), coding)
        if let whole, whole.count > maximumByteCount { return "a body has \(whole.count) bytes" }
        return whole == inPieces ? nil : "a body is another one in pieces"
    }

    /// - Returns: `nil` when they are refused.
    private static func decoded(_ pieces: [ArraySlice<UInt8>], _ coding: ContentCoding) -> [UInt8]? {
        let decoder = BodyDecoder(coding, maximumByteCount: maximumByteCount)
        do throws(ProtocolError) {
            for piece in pieces { try decoder.append(piece) }
            return try decoder.finish()
        } catch {
            return nil
        }
    }
}
