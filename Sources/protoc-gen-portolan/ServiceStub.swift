import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// One service: its methods, the protocol a server fills and the client.
struct ServiceStub {
    let service: ServiceDescriptor
    let namer: SwiftProtobufNamer

    /// The Swift prefix of the file and the service's name, without saying the same twice.
    var typeName: String {
        let prefix = namer.typePrefix(forFile: service.file)
        let stem = String(prefix.prefix(while: { $0 != "_" }))
        return service.name.hasPrefix(stem) ? service.name : prefix + service.name
    }

    func write(to output: inout SourceWriter) {
        writeMethods(to: &output)
        writeHandler(to: &output)
        writeClient(to: &output)
    }

    private func writeMethods(to output: inout SourceWriter) {
        output.line("")
        output.line("/// The methods of \(service.fullName).")
        output.block("public enum \(typeName)Methods") { output in
            output.line("public static let service = \"\(service.fullName)\"")
            for method in service.methods {
                output.line("public static let \(method.swiftName) = MethodDescriptor(")
                output.line(
                    "    service: service, name: \"\(method.name)\", kind: .\(method.kind), "
                        + "isIdempotent: \(method.isIdempotent))")
            }
            let names = service.methods.map(\.swiftName).joined(separator: ", ")
            output.line("public static let all = [\(names)]")
            writeTypes(to: &output)
        }
    }

    /// What a tool needs that knows a method by its name only.
    private func writeTypes(to output: inout SourceWriter) {
        output.line("/// The methods with the types of their messages.")
        output.line("public static let typed = [")
        for method in service.methods {
            let request = namer.fullName(message: method.inputType)
            let response = namer.fullName(message: method.outputType)
            output.line(
                "    TypedMethod(\(method.swiftName), \(request).self, \(response).self),")
        }
        output.line("]")
    }

    private func writeHandler(to output: inout SourceWriter) {
        output.line("")
        output.documentation(service.protoSourceComments(commentPrefix: ""))
        output.block("public protocol \(typeName)Handler: Sendable") { output in
            for method in service.methods {
                output.documentation(method.protoSourceComments(commentPrefix: ""))
                let request = namer.fullName(message: method.inputType)
                let response = namer.fullName(message: method.outputType)
                output.line("func \(method.swiftName)(")
                let input =
                    method.clientStreaming
                    ? "_ requests: MessageStream<\(request)>" : "_ request: \(request)"
                if method.serverStreaming {
                    output.line("    \(input), context: ServerContext,")
                    output.line("    responses: ResponseWriter<\(response)>")
                    output.line(") async throws")
                } else {
                    output.line("    \(input), context: ServerContext")
                    output.line(") async throws -> \(response)")
                }
            }
        }
        writeRegistration(to: &output)
    }

    private func writeRegistration(to output: inout SourceWriter) {
        output.line("")
        output.block("extension \(typeName)Handler") { output in
            output.line("/// Enters all methods into a server's table.")
            output.block("public func register(in table: inout MethodTable)") { output in
                for method in service.methods { writeRegistration(of: method, to: &output) }
            }
        }
    }

    private func writeRegistration(of method: MethodDescriptor, to output: inout SourceWriter) {
        let request = namer.fullName(message: method.inputType)
        let input = method.clientStreaming ? "payloads" : "payload"
        let arguments = "\(input), context" + (method.serverStreaming ? ", writer" : "")
        output.line("table.register(")
        output.line("    \(typeName)Methods.\(method.swiftName),")
        output.line("    .\(method.kind) { \(arguments) in")
        if !method.clientStreaming {
            output.line(
                "        let request = try MessageCoding.decode(\(request).self, from: payload)")
        }
        let first =
            method.clientStreaming ? "MessageStream<\(request)>(payloads)" : "request"
        if method.serverStreaming {
            output.line("        try await self.\(method.swiftName)(")
            output.line(
                "            \(first), context: context, responses: ResponseWriter(writer))")
        } else {
            output.line("        return try MessageCoding.encode(")
            output.line(
                "            try await self.\(method.swiftName)(\(first), context: context))")
        }
        output.line("    })")
    }

    private func writeClient(to output: inout SourceWriter) {
        output.line("")
        output.documentation(service.protoSourceComments(commentPrefix: ""))
        output.block("public struct \(typeName)Client: Sendable") { output in
            output.line("public let channel: any CallChannel")
            output.line("")
            output.line("public init(_ channel: any CallChannel) { self.channel = channel }")
            for method in service.methods { writeCall(method, to: &output) }
        }
    }

    private func writeCall(_ method: MethodDescriptor, to output: inout SourceWriter) {
        let request = namer.fullName(message: method.inputType)
        let response = namer.fullName(message: method.outputType)
        let result = method.serverStreaming ? "MessageStream<\(response)>" : response
        let options = method.kind == "unary" ? ".standard" : ".open"
        output.line("")
        output.documentation(method.protoSourceComments(commentPrefix: ""))
        if method.clientStreaming {
            output.line("///")
            output.line("/// The requests are complete when `requests` returns.")
        }
        output.line("public func \(method.swiftName)(")
        if method.clientStreaming {
            output.line("    options: CallOptions = \(options),")
            output.line(
                "    requests: @escaping @Sendable (RequestWriter<\(request)>) async throws -> Void"
            )
        } else {
            output.line("    _ request: \(request), options: CallOptions = \(options)")
        }
        output.block(") async throws -> \(result)") { output in
            writeBody(of: method, response, to: &output)
        }
    }

    private func writeBody(
        of method: MethodDescriptor, _ response: String, to output: inout SourceWriter
    ) {
        let name = "\(typeName)Methods.\(method.swiftName)"
        if method.clientStreaming {
            output.line("let answer = try await channel.\(method.kind)(")
            output.line("    \(name), options: options")
            output.line(") { try await requests(RequestWriter($0)) }")
        } else {
            output.line("let payload = try MessageCoding.encode(request)")
            output.line("let answer = try await channel.\(method.kind)(")
            output.line("    \(name), request: payload, options: options)")
        }
        output.line(
            method.serverStreaming
                ? "return MessageStream(answer)"
                : "return try MessageCoding.decode(\(response).self, from: answer)")
    }
}

extension MethodDescriptor {
    var swiftName: String { name.prefix(1).lowercased() + name.dropFirst() }
    var kind: String {
        switch (clientStreaming, serverStreaming) {
        case (false, false): "unary"
        case (false, true): "serverStreaming"
        case (true, false): "clientStreaming"
        case (true, true): "bidirectionalStreaming"
        }
    }
    var isIdempotent: Bool {
        options.idempotencyLevel == .noSideEffects || options.idempotencyLevel == .idempotent
    }
}
