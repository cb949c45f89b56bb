extension PermissionState {
    func version(ofRecord key: String, in stream: String) -> UInt64? {
        let next = nextVersion(key)
        return next > 1 ? next - 1 : nil
    }
}
