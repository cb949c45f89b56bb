public import SwiftProtobuf

/// A method with the types of its messages, for tools that know it by its name. Made by the generator.
public struct TypedMethod: Sendable {
    public let method: MethodDescriptor
    public let request: any Message.Type
    public let response: any Message.Type

    public init(
        _ method: MethodDescriptor, _ request: any Message.Type, _ response: any Message.Type
    ) {
        self.method = method
        self.request = request
        self.response = response
    }
}
