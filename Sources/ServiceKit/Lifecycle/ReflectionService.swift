import Contracts
import Foundation
import RPC
import SwiftProtobuf

/// Server reflection (grpc.reflection.v1 and v1alpha): lets a client that has no generated code find
/// the services of this server and the shape of their messages.
///
/// Tells what the published contracts tell, nothing of the installation; callers need a certificate
/// all the same.
struct ReflectionService: ReflectionServerReflectionHandler {
    private let index: DescriptorIndex
    private let services: [String]

    /// For a server that offers these methods.
    ///
    /// Throws when the descriptors that were built in cannot be read.
    init(of methods: MethodTable) throws {
        index = try DescriptorIndex(base64: ContractDescriptors.base64)
        services = Set(methods.entries.values.map(\.method.service))
            .union(Self.names).sorted()
    }

    private static let names = [
        ReflectionServerReflectionMethods.service, "grpc.reflection.v1alpha.ServerReflection",
    ]

    /// The older name of the method; its messages are the same on the wire.
    static let older = MethodDescriptor(
        service: "grpc.reflection.v1alpha.ServerReflection", name: "ServerReflectionInfo",
        kind: .bidirectionalStreaming, isIdempotent: false)

    /// Full names of the methods, for the authorisation table.
    static let methods = [ReflectionServerReflectionMethods.serverReflectionInfo, older].map(
        \.fullName)

    /// Enters the method under both of its names.
    func registerAll(in table: inout MethodTable) {
        register(in: &table)
        table.register(
            Self.older,
            .bidirectionalStreaming { payloads, context, writer in
                try await serverReflectionInfo(
                    MessageStream(payloads), context: context, responses: ResponseWriter(writer))
            })
    }

    func serverReflectionInfo(
        _ requests: MessageStream<ReflectionServerReflectionRequest>, context: ServerContext,
        responses: ResponseWriter<ReflectionServerReflectionResponse>
    ) async throws {
        for try await request in requests { try await responses.write(answer(request)) }
    }

    func answer(
        _ request: ReflectionServerReflectionRequest
    ) -> ReflectionServerReflectionResponse {
        var response = ReflectionServerReflectionResponse()
        response.validHost = request.host
        response.originalRequest = request
        switch request.messageRequest {
        case .listServices:
            response.listServicesResponse.service = services.map { name in
                var service = ReflectionServiceResponse()
                service.name = name
                return service
            }
        case .fileByFilename(let name): describe(index.file(named: name), name, in: &response)
        case .fileContainingSymbol(let symbol):
            describe(index.file(declaring: symbol), symbol, in: &response)
        case .fileContainingExtension(let request):
            refuse(.notFound, "There is no extension of \(request.containingType).", in: &response)
        case .allExtensionNumbersOfType(let type):
            guard index.file(declaring: type) != nil else {
                return refused(.notFound, "There is no type \(type).", response)
            }
            response.allExtensionNumbersResponse.baseTypeName = type
        case nil: refuse(.invalidArgument, "The request asks nothing.", in: &response)
        }
        return response
    }

    private func describe(
        _ file: String?, _ what: String, in response: inout ReflectionServerReflectionResponse
    ) {
        guard let file else {
            return refuse(.notFound, "\(what.prefix(200)) is not known here.", in: &response)
        }
        response.fileDescriptorResponse.fileDescriptorProto = index.withImports(file)
    }

    private func refuse(
        _ code: RPCError.Code, _ message: String,
        in response: inout ReflectionServerReflectionResponse
    ) {
        response.errorResponse.errorCode = Int32(code.rawValue)
        response.errorResponse.errorMessage = message
    }

    private func refused(
        _ code: RPCError.Code, _ message: String, _ response: ReflectionServerReflectionResponse
    ) -> ReflectionServerReflectionResponse {
        var response = response
        refuse(code, message, in: &response)
        return response
    }
}
