import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging

/// Gives every error a JSON body.
struct ErrorBodies<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as ProtocolError {
            return Response(error)
        } catch let error as any HTTPResponseError where error.status == .notFound {
            return Response(ProtocolError(.pathUnknown, "there is nothing at this path"))
        } catch let error as any HTTPResponseError where error.status.kind == .clientError {
            return Response(ProtocolError(.requestInvalid, "the request is not as it should be: \(error.status)"))
        } catch is CancellationError {
            return Response(ProtocolError(.stopping, "the service is about to stop", isRetryable: true))
        } catch {
            context.logger.info("request failed", metadata: ["error.message": "\(error)"])
            return Response(ProtocolError(.internalFailure, "the request failed inside of the service"))
        }
    }
}
