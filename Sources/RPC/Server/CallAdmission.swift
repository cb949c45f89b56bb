/// Decides whether a call may run. The same for every transport.
struct CallAdmission: Sendable {
    let methods: MethodTable
    /// Nil: everything registered is allowed (tests).
    let authorization: AuthorizationTable?
    let limits: CallLimits

    /// The method's entry.
    ///
    /// Throws: UNIMPLEMENTED UNKNOWN_METHOD, PERMISSION_DENIED METHOD_NOT_ALLOWED.
    func entry(_ fullName: String, peer: PeerIdentity) throws -> MethodTable.Entry {
        guard let entry = methods.entries[fullName] else { throw RPCError.unknownMethod(fullName) }
        if let authorization, !authorization.allows(peer, method: fullName) {
            throw RPCError.notAllowed(peer, fullName)
        }
        return entry
    }
}
