/// The five services of a Region.
public enum ServiceName: String, Sendable, CaseIterable {
    case directory
    case permission
    case keys
    case coordinator
    case portal
}
