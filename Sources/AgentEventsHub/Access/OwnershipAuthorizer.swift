import AgentEvents

/// Gives the rights in a thread to the user that opened it, and to principals whose credentials name it
/// (``Principal/threads``).
///
/// A frontend opens threads whose ids the service makes, or that begin with its user's id and a tilde (`u_1~notes`), or that
/// its credentials name. A principal that stands for other users (``Principal/actsAs``) emits into their threads, and opens
/// them by any id; the runtime refuses an emission for a user that does not own the thread.
public struct OwnershipAuthorizer: Authorizer {
    public init() {}

    public func rights(_ request: RightsRequest) async throws -> Rights { constantRights(request) }
}

extension OwnershipAuthorizer: ConstantAuthorizer {
    package func constantRights(_ request: RightsRequest) -> Rights {
        let principal = request.principal
        guard let owner = request.owner else {
            if request.isNewID || principal.mayChoose(request.thread) { return .all }
            return principal.threads.rights(in: request.thread)
        }
        if owner == principal.user { return .all }
        var rights = principal.threads.rights(in: request.thread)
        if principal.actsAs.includes(owner) { rights.insert(.emit) }
        return rights
    }
}
