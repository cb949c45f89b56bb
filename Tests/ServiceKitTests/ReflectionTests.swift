import Contracts
import Foundation
import RPC
import SwiftProtobuf
import Testing

@testable import ServiceKit

/// What a client without generated code is told.
@Suite("reflection")
struct ReflectionTests {
    private func service() throws -> ReflectionService {
        var methods = MethodTable()
        methods.register(DirectoryMethods.getUser, .unary { payload, _ in payload })
        return try ReflectionService(of: methods)
    }

    private func files(
        _ response: ReflectionServerReflectionResponse
    ) throws -> [Google_Protobuf_FileDescriptorProto] {
        try response.fileDescriptorResponse.fileDescriptorProto.map {
            try Google_Protobuf_FileDescriptorProto(serializedBytes: $0)
        }
    }

    @Test("what is not there is not found, a request that asks nothing is refused")
    func missing() throws {
        let service = try service()
        for (request, code) in [
            (ReflectionServerReflectionRequest.OneOf_MessageRequest.fileByFilename("none"), 5),
            (.fileContainingSymbol("portolan.directory.v1.None"), 5),
            (.fileContainingSymbol(""), 5), (.allExtensionNumbersOfType("none"), 5),
            (.fileContainingExtension(ReflectionExtensionRequest()), 5),
        ] {
            var message = ReflectionServerReflectionRequest()
            message.messageRequest = request
            #expect(service.answer(message).errorResponse.errorCode == Int32(code))
        }
        let nothing = service.answer(ReflectionServerReflectionRequest())
        #expect(nothing.errorResponse.errorCode == 3)
    }

    @Test("the server's services are listed, and no others")
    func list() throws {
        var request = ReflectionServerReflectionRequest()
        request.listServices = ""
        let names = try service().answer(request).listServicesResponse.service.map(\.name)
        #expect(
            names == [
                "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
                "portolan.directory.v1.Directory",
            ])
    }

    @Test(
        "services, methods, messages and fields lead to their file, with its imports",
        arguments: [
            "portolan.directory.v1.Directory", "portolan.directory.v1.Directory.GetUser",
            "portolan.directory.v1.User", "portolan.directory.v1.User.user_id",
            ".portolan.directory.v1.User",
        ])
    func symbols(_ symbol: String) throws {
        var request = ReflectionServerReflectionRequest()
        request.fileContainingSymbol = symbol
        let files = try files(service().answer(request))
        #expect(files.first?.name == "portolan/directory/v1/directory.proto")
        let names = Set(files.map(\.name))
        #expect(names.count == files.count)
        for file in files { #expect(names.isSuperset(of: file.dependency)) }
    }

    @Test("every service that is served is described", arguments: ServiceName.allCases)
    func complete(_ name: ServiceName) throws {
        let service = try service()
        for method in ServiceRules.rules(for: name).keys {
            var request = ReflectionServerReflectionRequest()
            request.fileContainingSymbol = method.replacingOccurrences(of: "/", with: ".")
            #expect(try !files(service.answer(request)).isEmpty, "\(method)")
        }
    }
}
