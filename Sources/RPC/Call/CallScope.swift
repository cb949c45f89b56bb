/// The call that is being answered, for the calls that its handler makes in turn.
///
/// Onward calls get no more time than the caller has left, and carry the caller's trace. Work that
/// is to outlive the call is not started from its task.
package struct CallScope: Sendable {
    /// Of the handler that runs in this task; nil outside of handlers.
    @TaskLocal package static var current: CallScope?

    package let deadline: Deadline
    package let trace: TraceContext?

    package init(_ context: ServerContext) {
        deadline = context.deadline
        trace = context.trace
    }
}

/// A trace that a caller has started (W3C Trace Context), passed on as it came: this process adds
/// no span of its own.
public struct TraceContext: Sendable, Equatable {
    static let parentName = "traceparent"
    static let stateName = "tracestate"

    /// 00-<trace ID>-<parent ID>-<flags>.
    public let parent: String
    /// What vendors add; at most 512 bytes, else left out.
    public let state: String?

    /// Nil when the metadata has no `traceparent` of the known form.
    init?(_ metadata: [String: String]) {
        guard let parent = metadata[Self.parentName], Self.isValid(parent) else { return nil }
        self.parent = parent
        self.state = metadata[Self.stateName].flatMap { $0.utf8.count <= 512 ? $0 : nil }
    }

    /// 32 hexadecimal digits, the same in every process that works on the request.
    public var traceID: String { String(parent.dropFirst(3).prefix(32)) }

    /// Two, 32, 16 and two lower-case hexadecimal digits between dashes, neither ID zero; versions
    /// to come may add to it.
    private static func isValid(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, zip(parts, [2, 32, 16, 2]).allSatisfy({ $0.utf8.count == $1 })
        else { return false }
        let isHexadecimal = parts[..<4].allSatisfy { part in
            part.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
        }
        let isZero = parts[1...2].contains { $0.utf8.allSatisfy { $0 == UInt8(ascii: "0") } }
        return isHexadecimal && !isZero && parts[0] != "ff" && text.utf8.count <= 256
            && (parts[0] != "00" || parts.count == 4)
    }
}

extension ServerContext {
    /// The caller's trace, if it sent one.
    public var trace: TraceContext? { metadata.isEmpty ? nil : TraceContext(metadata) }
}

extension CallOptions {
    /// When the call must be over: by its own timeout, and not after the call it is made for.
    var deadline: Deadline {
        let own = timeout.map { Deadline.after($0) } ?? .never
        guard let scope = CallScope.current else { return own }
        return min(own, scope.deadline)
    }

    /// The metadata, with the trace of the call it is made for unless it names another.
    var outgoingMetadata: [String: String] {
        guard let trace = CallScope.current?.trace, metadata[TraceContext.parentName] == nil else {
            return metadata
        }
        var metadata = metadata
        metadata[TraceContext.parentName] = trace.parent
        metadata[TraceContext.stateName] = trace.state
        return metadata
    }
}
