/// The policy that a key gets when none is given: the account's identity policies decide.
package enum DefaultKeyPolicy {
    /// - Parameter account: 12 digits.
    /// - Throws: `PolicyError` for anything else.
    package static func document(account: String, partition: String = "aws") throws -> String {
        try KeyPolicyTemplate.check(account: account, partition: partition)
        return """
            {
              "Version": "2012-10-17",
              "Id": "key-default-1",
              "Statement": [
                {
                  "Sid": "Enable IAM User Permissions",
                  "Effect": "Allow",
                  "Principal": {"AWS": "arn:\(partition):iam::\(account):root"},
                  "Action": "kms:*",
                  "Resource": "*"
                }
              ]
            }
            """
    }
}

/// The policy that a customer managed key needs before it may encrypt an instance.
package enum BaselineKeyPolicy {
    /// The five statements of the specification, section 5.4.
    ///
    /// The third asks for one of the two encryption context keys and not that there are no others,
    /// since the services add a key of their own (`tenant-key-id`).
    ///
    /// - Parameters:
    ///   - managementAccount: 12 digits.
    ///   - organization: such as "o-exampleorgid".
    ///   - delegatedAdministrator: 12 digits, when there is one.
    /// - Throws: `PolicyError` naming the parameter that is malformed.
    package static func document(
        managementAccount: String, organization: String, delegatedAdministrator: String? = nil,
        partition: String = "aws"
    ) throws -> String {
        try KeyPolicyTemplate.check(account: managementAccount, partition: partition)
        try delegatedAdministrator.map {
            try KeyPolicyTemplate.check(account: $0, partition: partition)
        }
        try KeyPolicyTemplate.check(organization: organization)
        var accounts = [managementAccount]
        if let delegatedAdministrator, delegatedAdministrator != managementAccount {
            accounts.append(delegatedAdministrator)
        }
        let roots = accounts.map { "\"arn:\(partition):iam::\($0):root\"" }
            .joined(separator: ", ")
        return """
            {
              "Version": "2012-10-17",
              "Id": "identity-center-baseline-1",
              "Statement": [
                {
                  "Sid": "AllowAdministrationOfTheKey",
                  "Effect": "Allow",
                  "Principal": {"AWS": [\(roots)]},
                  "Action": "kms:*",
                  "Resource": "*"
                },
                {
                  "Sid": "AllowServicesToDescribeTheKey",
                  "Effect": "Allow",
                  "Principal": {"Service": ["sso.amazonaws.com", "identitystore.amazonaws.com"]},
                  "Action": "kms:DescribeKey",
                  "Resource": "*",
                  "Condition": {"StringEquals": {"aws:SourceAccount": "\(managementAccount)"}}
                },
                {
                  "Sid": "AllowServicesToUseTheKey",
                  "Effect": "Allow",
                  "Principal": {"Service": ["sso.amazonaws.com", "identitystore.amazonaws.com"]},
                  "Action": [
                    "kms:Decrypt",
                    "kms:ReEncryptTo",
                    "kms:ReEncryptFrom",
                    "kms:GenerateDataKeyWithoutPlaintext"
                  ],
                  "Resource": "*",
                  "Condition": {
                    "StringEquals": {"aws:SourceAccount": "\(managementAccount)"},
                    "ForAnyValue:StringEquals": {
                      "kms:EncryptionContextKeys": [
                        "aws:sso:instance-arn",
                        "aws:identitystore:identitystore-arn"
                      ]
                    }
                  }
                },
                {
                  "Sid": "AllowOrganizationThroughTheServices",
                  "Effect": "Allow",
                  "Principal": "*",
                  "Action": "kms:Decrypt",
                  "Resource": "*",
                  "Condition": {
                    "StringEquals": {"aws:PrincipalOrgID": "\(organization)"},
                    "StringLike": {
                      "kms:ViaService": ["sso.*.amazonaws.com", "identitystore.*.amazonaws.com"]
                    }
                  }
                },
                {
                  "Sid": "AllowManagedApplications",
                  "Effect": "Allow",
                  "Principal": "*",
                  "Action": "kms:Decrypt",
                  "Resource": "*",
                  "Condition": {
                    "Bool": {"aws:PrincipalIsAWSService": "true"},
                    "StringEquals": {"aws:SourceOrgID": "\(organization)"}
                  }
                }
              ]
            }
            """
    }
}

/// Checks of what is put into a template, so that it stays JSON and means what it says.
enum KeyPolicyTemplate {
    static func check(account: String, partition: String) throws {
        guard PrincipalMatcher.isAccountID(account) else {
            throw PolicyError(path: "account", message: "an account ID has 12 digits")
        }
        let isWord =
            !partition.isEmpty
            && partition.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x2D }
        guard isWord else {
            throw PolicyError(path: "partition", message: "expected a partition such as aws")
        }
    }

    static func check(organization: String) throws {
        let tail = organization.utf8.dropFirst(2)
        let isTail =
            (10...32).contains(tail.count)
            && tail.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
        guard organization.hasPrefix("o-"), isTail else {
            throw PolicyError(
                path: "organization", message: "expected an organization ID such as o-exampleorgid")
        }
    }
}
