import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// Answers the requests of a connection by routes, as a Hummingbird application does.
struct ServiceResponder<Responder: HTTPResponder>: Sendable
where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
    let responder: Responder
    let dates: HTTPDates
    let logger: Logger

    func response(to request: Request, _ channel: any Channel) async throws -> Response {
        var response: Response
        do {
            response = try await responder.respond(
                to: AwaitedBody.wrap(request, channel),
                context: Responder.Context(source: ApplicationRequestContextSource(channel: channel, logger: logger)))
        } catch let error as HTTPParserError {
            // Said by `ParseErrorHandler`.
            throw error
        } catch {
            logger.error("a request failed", metadata: ["error.message": "\(error)"])
            response = Response(status: .internalServerError)
        }
        response.headers[.date] = dates.now()
        return response
    }
}
