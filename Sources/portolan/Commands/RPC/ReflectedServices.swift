import Contracts
import Foundation
import RPC
import SwiftProtobuf

/// What a server says of itself through the standard reflection service.
struct ReflectedServices {
    struct Method: Encodable, Equatable {
        let service: String
        let method: String
        let request: String
        let response: String
        let streamsRequests: Bool
        let streamsAnswers: Bool

        /// "GetUserRequest -> GetUserResponse", with "stream" where it applies.
        var shape: String {
            func side(_ type: String, _ streams: Bool) -> String {
                (streams ? "stream " : "")
                    + (type.split(separator: ".").last.map(String.init) ?? "")
            }
            return "\(side(request, streamsRequests)) -> \(side(response, streamsAnswers))"
        }
    }

    /// All methods of the server, in order of service, then as declared.
    static func ask(
        _ channel: any CallChannel, options: CallOptions
    ) async throws -> [Method] {
        let client = ReflectionServerReflectionClient(channel)
        var list = ReflectionServerReflectionRequest()
        list.listServices = ""
        let names = try await answers(client, [list], options).flatMap {
            $0.listServicesResponse.service.map(\.name)
        }
        let questions = names.map { name in
            var question = ReflectionServerReflectionRequest()
            question.fileContainingSymbol = name
            return question
        }
        let files = try await answers(client, questions, options).flatMap {
            $0.fileDescriptorResponse.fileDescriptorProto
        }
        return methods(
            of: Set(names),
            in: try Set(files).map { try Google_Protobuf_FileDescriptorProto(serializedBytes: $0) })
    }

    private static func answers(
        _ client: ReflectionServerReflectionClient,
        _ requests: [ReflectionServerReflectionRequest], _ options: CallOptions
    ) async throws -> [ReflectionServerReflectionResponse] {
        let stream = try await client.serverReflectionInfo(options: options) { writer in
            for request in requests { try await writer.write(request) }
        }
        var answers: [ReflectionServerReflectionResponse] = []
        for try await answer in stream { answers.append(answer) }
        return answers
    }

    static func methods(
        of services: Set<String>, in files: [Google_Protobuf_FileDescriptorProto]
    ) -> [Method] {
        var methods: [Method] = []
        for file in files {
            for service in file.service where services.contains("\(file.package).\(service.name)") {
                methods += service.method.map { method in
                    Method(
                        service: "\(file.package).\(service.name)", method: method.name,
                        request: method.inputType.trimmed, response: method.outputType.trimmed,
                        streamsRequests: method.clientStreaming,
                        streamsAnswers: method.serverStreaming)
                }
            }
        }
        // Stable: methods of one service stay as they were declared.
        return methods.enumerated().sorted {
            ($0.element.service, $0.offset) < ($1.element.service, $1.offset)
        }.map(\.element)
    }
}

extension String {
    /// Without the dot in front of a full name.
    fileprivate var trimmed: String { hasPrefix(".") ? String(dropFirst()) : self }
}
