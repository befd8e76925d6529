import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `GET /`, `/client/…`, `/inspector/…` and `/examples/…`: files for browsers. They are the same for everybody, and take no
/// credentials; browsers ask each time whether theirs is the newest.
struct PageRoute: Sendable {
    let files: PageFiles

    /// The first segments of paths with files below them.
    static var folders: [String] { ["client", "inspector", "examples"] }

    /// - Parameter path: the path of the file, without the slash in front.
    func respond(to request: Request, at path: String) throws(ProtocolError) -> Response {
        guard let file = files[path] else {
            throw ProtocolError(.pathUnknown, "there is no file at this path")
        }
        let isCompressed = AcceptedCodings(request.headers[values: .acceptEncoding]).contains(.gzip)
        let chosen = isCompressed ? file.compressed ?? file.plain : file.plain
        var headers: HTTPFields = [.eTag: chosen.tag, .cacheControl: "no-cache", .vary: "Accept-Encoding"]
        if file.isDocument { headers[.contentSecurityPolicy] = Self.documentPolicy }
        if Self.isNamed(chosen.tag, in: request.headers[values: .ifNoneMatch]) {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = file.mediaType
        if chosen.coding == .gzip { headers[.contentEncoding] = "gzip" }
        if let types = declarations(of: file), let name = HTTPField.Name("X-TypeScript-Types") { headers[name] = types }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: chosen.body))
    }

    /// The policy of pages: they use what comes from this service, and make no script out of a text.
    static let documentPolicy = """
        default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
        require-trusted-types-for 'script'; trusted-types 'none'
        """

    /// The name of the file that declares the types of a module, which Deno looks for.
    private func declarations(of file: PageFile) -> String? {
        guard file.path.hasSuffix(".js"), !file.path.contains("/") else { return nil }
        let name = file.path.dropLast(3) + ".d.ts"
        return files["client/\(name)"].map { _ in "./\(name)" }
    }

    /// Whether the header `If-None-Match` (RFC 9110, section 13.1.2) names an entity tag.
    private static func isNamed(_ tag: String, in values: [String]) -> Bool {
        values.joined(separator: ",").split(separator: ",").contains { element in
            let element = element.trimming { $0 == " " || $0 == "\t" }
            return element == "*" || element == tag || element == "W/\(tag)"
        }
    }
}

extension Substring {
    fileprivate func trimming(_ isSpace: (Character) -> Bool) -> Substring {
        var rest = drop(while: isSpace)
        while let last = rest.last, isSpace(last) { rest.removeLast() }
        return rest
    }
}
