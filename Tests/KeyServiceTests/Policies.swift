import AccessPolicy

func defaultPolicy() throws -> String { try DefaultKeyPolicy.document(account: account) }
