import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging

/// Gives every error a JSON body, and refuses paths with an empty segment.
struct ErrorBodies<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        // The router passes over empty segments: of a path without an id, another segment would be taken for the id.
        guard !request.uri.path.contains("//") else {
            return Response(ProtocolError(.pathUnknown, "there is nothing at this path"))
        }
        do {
            return try await next(request, context)
        } catch let error as ProtocolError {
            return Response(error)
        } catch let error as any HTTPResponseError where error.status == .notFound {
            return Response(ProtocolError(.pathUnknown, "there is nothing at this path"))
        } catch let error as any HTTPResponseError where error.status.kind == .clientError {
            return Response(ProtocolError(.requestInvalid, "the request is not as it should be: \(error.status)"))
        } catch is CancellationError {
            return Response(ProtocolError.stopping())
        } catch {
            var metadata: Logger.Metadata = ["error.message": "\(error)"]
            TraceMetadata.add(request.trace, to: &metadata)
            context.logger.info("request failed", metadata: metadata)
            return Response(ProtocolError(.internalFailure, "the request failed inside of the service"))
        }
    }
}
