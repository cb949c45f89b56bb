import ArgumentParser
import Contracts
import Foundation
import NIOCore
import RPC
import ServiceKit
import SwiftProtobuf

/// Calls a method with a message in JSON.
struct RPCCallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call", abstract: "Call a method with a request in protobuf's JSON.",
        discussion: """
            The method is its full name or the end of it: GetUser, Directory/GetUser. A streamed \
            answer is printed one message a line, until it ends or --timeout passes. What the \
            operator's roles do not include is refused, as everywhere.

            portolan rpc call Directory/FindUser '{"userName": "mara@example.org"}'
            """)

    @Argument(help: "Directory/GetUser") var method: String
    @Argument(help: "The request; - reads it from standard input.") var request = "{}"

    @Option(
        help: ArgumentHelp("Whom to ask, if the method's name does not say.", valueName: "service"),
        transform: ServiceName.argument)
    var service: ServiceName?

    @Option(
        help: ArgumentHelp("Metadata to send; may be repeated.", valueName: "name=value"))
    var metadata: [String] = []

    @OptionGroup var client: ClientOptions

    func validate() throws {
        guard metadata.allSatisfy({ $0.contains("=") }) else {
            throw ValidationError("--metadata is name=value.")
        }
    }

    func run() async throws {
        let typed = try MethodLookup.find(method)
        guard let service = service ?? MethodLookup.service(of: typed.method) else {
            throw CommandFailure(
                "Every service offers \(typed.method.name).", hint: "Choose one with --service.",
                exitCode: 2)
        }
        let payload = try Self.encode(try text(), as: typed.request)
        var options = client.call
        for pair in metadata {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            options.metadata[String(parts[0])] = String(parts[1])
        }
        let call = options
        try await client.connected { session in
            try await Self.call(typed, payload, try session.channel(service), call)
        }
    }

    private func text() throws -> String {
        guard request == "-" else { return request }
        return String(
            decoding: try FileHandle.standardInput.readToEnd() ?? Data(), as: UTF8.self)
    }

    private static func call(
        _ typed: TypedMethod, _ payload: ByteBuffer, _ channel: any CallChannel,
        _ options: CallOptions
    ) async throws {
        switch typed.method.kind {
        case .unary:
            let answer = try await channel.unary(typed.method, request: payload, options: options)
            try print(answer, as: typed.response)
        case .serverStreaming:
            let answers = try await channel.serverStreaming(
                typed.method, request: payload, options: options)
            do {
                for try await answer in answers { try print(answer, as: typed.response) }
            } catch let error as RPCError where error.code == .deadlineExceeded {
                Console.note("The time is up; --timeout gives more.")
            }
        case .clientStreaming, .bidirectionalStreaming:
            throw CommandFailure("\(typed.method.name) takes a stream of requests, not one.")
        }
    }

    /// Throws `CommandFailure` naming what is wrong with the text.
    static func encode(_ json: String, as type: any Message.Type) throws -> ByteBuffer {
        do {
            let message = try type.init(jsonString: json)
            let bytes: [UInt8] = try message.serializedBytes()
            return ByteBuffer(bytes: bytes)
        } catch {
            throw CommandFailure(
                "The request is not a \(type.protoMessageName) in JSON: \(error).",
                hint: "Its fields are in Protos, in lower camel case.", exitCode: 2)
        }
    }

    static func print(_ answer: ByteBuffer, as type: any Message.Type) throws {
        let message = try type.init(serializedBytes: Array(answer.readableBytesView))
        try JSONOutput.print(message)
    }
}
